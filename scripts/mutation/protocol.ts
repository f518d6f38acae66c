import { BroadcastChannel } from 'node:worker_threads';

export type Request =
  /** Runs tests until one fails; all of them when no ids are given. Without a mutant the sources are what they were. */
  | { do: 'run'; id: number; tests?: string[]; mutant?: string; hitLimit?: number; untilFailure: boolean }
  /** Runs what `afterAll` has to say and ends the worker. */
  | { do: 'close'; id: number };

export interface TestOutcome {
  id: string;
  name: string;
  fileName: string;
  durationMs: number;
  failure?: string;
}

export interface Reply {
  id: number;
  outcomes: TestOutcome[];
  hitCount: number;
  coverage?: unknown;
}

/** What the runner in Stryker's process and the host in vitest's worker thread talk over. */
export function openChannel(hear: (message: Request | Reply) => unknown) {
  const channel = new BroadcastChannel(`kit-mutation-${process.pid}`);
  // oxlint-disable-next-line unicorn/prefer-add-event-listener
  channel.onmessage = (event) => hear((event as { data: Request | Reply }).data);
  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    send: (message: Request | Reply) => channel.postMessage(message),
    close: () => channel.close(),
  };
}
