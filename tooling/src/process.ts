import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

export interface ChildOptions {
  args?: string[];
  env?: Record<string, string>;
  cwd?: string;
  /** Sends a message channel along: `process.send` works in the child. */
  ipc?: boolean;
  /** Another node binary than the one that runs the tests. */
  nodePath?: string;
  nodeArgs?: string[];
  /** Runs the file as it stands, on the built packages: what a user's process runs. @default false */
  asPublished?: boolean;
}

export interface RunningChild {
  readonly pid: number;
  readonly process: ChildProcess;
  readonly stdout: string;
  readonly stderr: string;
  /**
   * Resolves with the text so far once stdout or stderr matches; rejects when the child ends without it, or after
   * `timeoutMs`, 60 s unless said otherwise.
   */
  waitFor(pattern: RegExp | string, timeoutMs?: number): Promise<string>;
  signal(signal: NodeJS.Signals): void;
  /** Exit code, or the signal that ended it. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Runs a TypeScript file as a real process, by default on the packages' sources: what a test kills with a real signal. */
export function runChild(file: string | URL, options: ChildOptions = {}): RunningChild {
  const child = spawn(
    options.nodePath ?? process.execPath,
    [
      ...(options.asPublished ? [] : ['--conditions=@kit/source', '--import', tsx]),
      ...(options.nodeArgs ?? []),
      fileOf(file),
      ...(options.args ?? []),
    ],
    {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: options.ipc ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
    },
  );
  running.add(child);
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    for (const listener of listeners) listener();
  });
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    for (const listener of listeners) listener();
  });
  // 'close' comes after the last output, 'exit' may come before it.
  const exited = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    for (const listener of listeners) listener();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });

  return {
    pid: child.pid!,
    process: child,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    exited,
    signal: (signal) => void child.kill(signal),
    waitFor: (pattern, timeoutMs = 60_000) =>
      new Promise((resolve, reject) => {
        const settle = (error?: Error) => {
          clearTimeout(timer);
          listeners.delete(look);
          if (error) reject(error);
          else resolve(stdout + stderr);
        };
        const look = () => {
          const text = stdout + stderr;
          if (typeof pattern === 'string' ? text.includes(pattern) : pattern.test(text)) settle();
          else if (!running.has(child))
            settle(new Error(`the child ended without printing ${pattern}:\n${text}`));
        };
        const timer = setTimeout(
          () => settle(new Error(`no ${pattern} within ${timeoutMs} ms:\n${stdout}${stderr}`)),
          timeoutMs,
        );
        listeners.add(look);
        look();
      }),
  };
}

const fileOf = (file: string | URL) => (typeof file === 'string' ? file : fileURLToPath(file));
