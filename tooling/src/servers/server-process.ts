import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A throw-away server of a test's own, on a free loopback port, with its data in a temporary folder. */
export interface TestServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** What a driver connects to, e.g. `postgres://kit@127.0.0.1:40123/kit`. */
  readonly url: string;
  readonly dataDir: string;
  /** Ends the server and removes its data. Safe to call twice. */
  stop(): Promise<void>;
  /** SIGKILL: the data stays, `restart()` brings it back. */
  kill(): Promise<void>;
  /** Ends a running server and starts it again on the same port and data. */
  restart(): Promise<void>;
  /** SIGSTOP for the server and all its children: connections stay open and nothing answers any more. */
  freeze(): void;
  /** SIGCONT, the end of `freeze()`. */
  thaw(): void;
}

export interface ServerRecipe {
  name: string;
  /** Fills the empty data folder before the first start. */
  prepare?(dataDir: string): void | Promise<void>;
  command(port: number, dataDir: string): { file: string; args: string[]; env?: NodeJS.ProcessEnv };
  /** True or a resolved promise once the server answers; called until `startTimeoutMs`. */
  isReady?(port: number): Promise<void>;
  url(port: number): string;
  uid?: number | undefined;
  stopSignal?: NodeJS.Signals;
  /** Where the data folder is made. @default os.tmpdir() */
  parentDir?: string;
  startTimeoutMs?: number;
}

const running = new Set<ChildProcess>();
let exitHookInstalled = false;

/** Servers never outlive the process that started them. */
function killOnExit(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
  if (exitHookInstalled) return;
  exitHookInstalled = true;
  process.once('exit', () => {
    for (const orphan of running) {
      if (orphan.pid !== undefined) signalTree(orphan.pid, 'SIGKILL');
    }
  });
}

export async function startServer(recipe: ServerRecipe): Promise<TestServer> {
  const dataDir = mkdtempSync(join(recipe.parentDir ?? tmpdir(), `kit-${recipe.name}-`));
  await recipe.prepare?.(dataDir);

  let child: ChildProcess | undefined;
  let port = await freePort();

  const launch = async (): Promise<void> => {
    const { file, args, env } = recipe.command(port, dataDir);
    const output: string[] = [];
    const started = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(recipe.uid === undefined ? {} : { uid: recipe.uid, gid: recipe.uid }),
    });
    killOnExit(started);
    const keep = (chunk: Buffer) => {
      output.push(chunk.toString());
      if (output.length > 200) output.shift();
    };
    started.stdout.on('data', keep);
    started.stderr.on('data', keep);
    started.once('error', (error) => output.push(String(error)));
    // Neither the process nor its pipes may keep a finished test run alive.
    started.unref();
    for (const pipe of [started.stdout, started.stderr]) (pipe as unknown as { unref?(): void }).unref?.();

    const deadline = Date.now() + (recipe.startTimeoutMs ?? 90_000);
    for (;;) {
      if (started.exitCode !== null || started.signalCode !== null || started.pid === undefined) {
        throw new Error(`${recipe.name} ended while starting:\n${output.join('')}`);
      }
      try {
        await (recipe.isReady ? recipe.isReady(port) : canConnect(port));
        break;
      } catch (error) {
        if (Date.now() > deadline) {
          signalTree(started.pid, 'SIGKILL');
          throw new Error(`${recipe.name} did not answer on port ${port}:\n${output.join('')}`, {
            cause: error,
          });
        }
        await delay(30);
      }
    }
    child = started;
  };

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const current = child;
    child = undefined;
    if (!current?.pid || current.exitCode !== null || current.signalCode !== null) return;
    const ended = once(current, 'exit');
    signalTree(current.pid, 'SIGCONT');
    if (signal === 'SIGKILL') signalTree(current.pid, signal);
    else current.kill(signal);
    const forced = setTimeout(() => signalTree(current.pid!, 'SIGKILL'), 20_000);
    await ended;
    clearTimeout(forced);
  };

  for (let attempt = 1; ; attempt += 1) {
    try {
      await launch();
      break;
    } catch (error) {
      // Another process may have taken the port between our look and the server's bind.
      if (attempt === 3) throw error;
      port = await freePort();
    }
  }

  return {
    host: '127.0.0.1',
    get port() {
      return port;
    },
    get url() {
      return recipe.url(port);
    },
    dataDir,
    async stop() {
      await end(recipe.stopSignal ?? 'SIGTERM');
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
    },
    kill: () => end('SIGKILL'),
    async restart() {
      await end(recipe.stopSignal ?? 'SIGTERM');
      // After a SIGKILL the children of a server may hold its shared memory for a moment longer, and a connection of
      // another process its port.
      const deadline = Date.now() + 30_000;
      for (;;) {
        try {
          return await launch();
        } catch (error) {
          if (Date.now() > deadline || !/in use/i.test(String(error))) throw error;
          await delay(100);
        }
      }
    },
    freeze() {
      if (!child?.pid) return;
      signalTree(child.pid, 'SIGSTOP');
      for (const pid of [child.pid, ...childrenOf(child.pid)]) awaitStop(pid);
    },
    thaw() {
      if (child?.pid) signalTree(child.pid, 'SIGCONT');
    },
  };
}

/** A loopback port that nothing listens on at this moment. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function canConnect(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

/** Signals a process and its children: PostgreSQL's backends lead process groups of their own. */
function signalTree(pid: number, signal: NodeJS.Signals): void {
  for (const target of [pid, ...childrenOf(pid)]) {
    try {
      process.kill(target, signal);
    } catch {
      // It ended by itself in between.
    }
  }
}

function childrenOf(pid: number): number[] {
  if (process.platform !== 'linux') {
    try {
      return execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
        .split('\n')
        .filter(Boolean)
        .map(Number);
    } catch {
      return [];
    }
  }
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && parentOf(entry) === pid)
    .map(Number);
}

const parentOf = (pid: string) => Number(statOf(`/proc/${pid}/stat`)?.[1]);

/** State and parent, from "pid (name with spaces) state ppid …"; undefined for a process that is gone. */
function statOf(file: string): string[] | undefined {
  try {
    const stat = readFileSync(file, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** A busy machine may let a thread run on for a while after SIGSTOP was sent. */
function awaitStop(pid: number): void {
  if (process.platform !== 'linux') return;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const runs = (thread: string) => /[RSD]/.test(statOf(`/proc/${pid}/task/${thread}/stat`)?.[0] ?? '');
  for (let looks = 0; looks < 5_000 && threadsOf(pid).some(runs); looks += 1) Atomics.wait(sleeper, 0, 0, 1);
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}
