import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runChild } from '../process.ts';
import { freePort } from '../servers/index.ts';

export interface Platform {
  payment: string;
  user: string;
  /** What answers: a figure says little without it. */
  runs: string;
  close(): Promise<void>;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
const urlOf = (port: number | string) => `http://127.0.0.1:${port}`;

/** The platform that runs already, or one for the time of the load. */
export async function startPlatform(): Promise<Platform> {
  const payment = urlOf(process.env.PAYMENT_PORT ?? 3000);
  const user = urlOf(process.env.USER_PORT ?? 3200);
  if ((await isReady(payment)) && (await isReady(user)))
    return {
      payment,
      user,
      runs: 'The platform was running before, in whatever way it was started.',
      close: () => Promise.resolve(),
    };

  process.stderr.write('no platform is running: building one and starting it on free ports\n');
  build();
  const names = ['PAYMENT_PORT', 'ORDER_PORT', 'CHANNEL_PORT', 'RISK_PORT', 'USER_PORT'] as const;
  const ports = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, String(await freePort())] as const)),
  );
  const dataDir = mkdtempSync(join(tmpdir(), 'kit-load-'));
  const child = runChild(new URL('../../../examples/start.ts', import.meta.url), {
    args: ['--built', '--no-traffic'],
    // Limits are for strangers; here the one client that comes is ours.
    env: {
      ...ports,
      DATA_DIR: dataDir,
      LOG_LEVEL: 'warn',
      AUTH_RATE_PER_MINUTE: '1000000',
      RATE_LIMIT_PER_MINUTE: '10000000',
    },
  });
  const started = { payment: urlOf(ports.PAYMENT_PORT!), user: urlOf(ports.USER_PORT!) };
  const deadline = Date.now() + 150_000;
  while (!((await isReady(started.payment)) && (await isReady(started.user)))) {
    if (Date.now() > deadline || child.process.exitCode !== null) {
      child.signal('SIGTERM');
      throw new Error(`the platform did not start:\n${child.stdout}${child.stderr}`);
    }
    await delay(200);
  }
  return {
    ...started,
    runs: 'The services ran as the Dockerfile runs them: built, `node dist/main.js`, NODE_ENV=production.',
    async close() {
      child.signal('SIGTERM');
      await child.exited;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Measured is what is deployed: compiled on the fly, a service starts slower and holds its source maps in memory. */
function build(): void {
  const filters = ['--filter=./packages/*', '--filter=./examples/*'];
  const { status, error } = spawnSync(
    'turbo',
    ['run', 'build', ...filters, '--output-logs=errors-only', '--log-order=stream'],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (status !== 0) throw new Error('the platform cannot be built', { cause: error });
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/health/ready`).then(
    (response) => response.ok,
    () => false,
  );
}
