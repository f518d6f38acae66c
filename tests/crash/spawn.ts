import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface CrashProcess {
  readonly process: ChildProcess;
  /** stdout and stderr so far. */
  readonly output: string;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  signal(signal: NodeJS.Signals): void;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Runs a bundled file as a process with a message channel. */
export function spawnProcess(file: string, env: Record<string, string>): CrashProcess {
  const child = spawn(process.execPath, [file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  }
  const exited = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  return {
    process: child,
    get output() {
      return output;
    },
    exited,
    signal: (signal) => void child.kill(signal),
  };
}
