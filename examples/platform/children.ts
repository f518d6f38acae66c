import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ServicePlan } from './services.ts';

/** A service as a process of its own. */
export interface RunningService {
  readonly name: string;
  readonly pid: number;
  /** Resolves once all its ports answer `/health/ready` with 200; rejects with its last words when it ends before. */
  readonly ready: Promise<void>;
  readonly exited: Promise<number>;
  /** Lets its log through, from the beginning. */
  talk(): void;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  host: string;
  watch: boolean;
  /** Runs `dist/main.js`, which must be built, as the Dockerfile does; otherwise the sources. */
  built: boolean;
  say: (service: string, line: string) => void;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const lifeline = new URL('./lifeline.ts', import.meta.url).href;
const tsx = import.meta.resolve('tsx');

/** How long a service may take to come up, and to go down before it is killed. */
const upMs = 60_000;
const downMs = 27_000;

export function startService(plan: ServicePlan, { host, watch, built, say }: ServiceOptions): RunningService {
  const child = spawn(
    process.execPath,
    [
      ...(watch ? ['--watch', '--watch-preserve-output'] : []),
      ...(built ? [] : ['--conditions=@kit/source', '--import', tsx]),
      '--import',
      lifeline,
      `${plan.folder}/${built ? 'dist/main.js' : 'src/main.ts'}`,
      ...plan.args,
    ],
    {
      cwd: root,
      env: { ...process.env, ...(built && { NODE_ENV: 'production' }), ...plan.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Its own process group: Ctrl-C reaches it once, through us.
      detached: process.platform !== 'win32',
    },
  );
  const lastWords: string[] = [];
  let mayTalk = false;
  const onLine = (line: string) => {
    // Until everything is up only the reason why it is not would matter.
    if (mayTalk) say(plan.name, line);
    else lastWords.push(line);
  };
  createInterface({ input: child.stdout! }).on('line', onLine);
  createInterface({ input: child.stderr! }).on('line', onLine);
  const exited = once(child, 'close').then(([code]) => (code as number | null) ?? 1);

  const ready = (async () => {
    const up = Promise.all(plan.ports.map(({ port }) => untilReady(`http://${host}:${port}`, child)));
    const ended = exited.then(() => {
      throw new Error(lastWords.findLast((line) => line.startsWith(`${plan.name}:`)) ?? lastWords.join('\n'));
    });
    await Promise.race([up, ended]);
  })();

  return {
    name: plan.name,
    pid: child.pid!,
    ready,
    exited,
    talk() {
      mayTalk = true;
      for (const line of lastWords.splice(0)) say(plan.name, line);
    },
    async stop() {
      child.kill('SIGTERM');
      const stopped = await Promise.race([exited.then(() => true), delay(downMs, false, { ref: false })]);
      if (!stopped) child.kill('SIGKILL');
      await exited;
    },
  };
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + upMs;
  for (;;) {
    try {
      const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(5_000) });
      await response.body?.cancel();
      if (response.ok) return;
    } catch {
      // Not listening yet.
    }
    if (child.exitCode !== null || child.signalCode !== null) return new Promise(() => {});
    if (Date.now() > deadline) throw new Error(`${url} was not ready within ${upMs / 1_000} s`);
    await delay(50);
  }
}
