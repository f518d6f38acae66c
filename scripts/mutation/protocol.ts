import { BroadcastChannel } from 'node:worker_threads';

export type Request =
  /** Runs tests until one fails; all of them, to the end, when none are given. Without a mutant the sources are what they were. */
  | { do: 'run'; id: number; tests?: TimedTest[]; mutant?: string; hitLimit?: number }
  /** Runs what `afterAll` has to say and ends the worker. */
  | { do: 'close'; id: number };

export interface TimedTest {
  id: string;
  /** Beyond it the test is taken to hang. */
  limitMs: number;
}

export interface TestOutcome {
  id: string;
  name: string;
  fileName: string;
  durationMs: number;
  failure?: string;
  hangs?: boolean;
}

/** What the host says every second, so that a loop without end is noticed. */
export interface Heartbeat {
  isAlive: true;
}

export interface Reply {
  id: number;
  outcomes: TestOutcome[];
  hitCount: number;
  coverage?: unknown;
}

export type Message = Request | Reply | Heartbeat;

/** What the runner in Stryker's process and the host in vitest's worker thread talk over. */
export function openChannel(hear: (message: Message) => unknown) {
  const channel = new BroadcastChannel(`kit-mutation-${process.pid}`);
  // oxlint-disable-next-line unicorn/prefer-add-event-listener
  channel.onmessage = (event) => hear((event as { data: Message }).data);
  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    send: (message: Message) => channel.postMessage(message),
    close: () => channel.close(),
  };
}
