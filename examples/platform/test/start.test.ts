import { type RunningChild, runChild } from 'kit-tooling/process';
import { freePort } from 'kit-tooling/servers';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const start = new URL('../../start.ts', import.meta.url);
const root = new URL('../../..', import.meta.url).pathname;

let folder: string;
let ports: Record<'PAYMENT_PORT' | 'ORDER_PORT' | 'CHANNEL_PORT' | 'RISK_PORT' | 'USER_PORT', number>;
let child: RunningChild | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kit-platform-'));
  const [PAYMENT_PORT, ORDER_PORT, CHANNEL_PORT, RISK_PORT, USER_PORT] = (await Promise.all(
    [1, 2, 3, 4, 5].map(() => freePort()),
  )) as [number, number, number, number, number];
  ports = { PAYMENT_PORT, ORDER_PORT, CHANNEL_PORT, RISK_PORT, USER_PORT };
});
afterEach(async () => {
  child?.signal('SIGTERM');
  await child?.exited;
  child = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function run(env: Record<string, string> = {}): RunningChild {
  const own = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)]));
  child = runChild(start, {
    cwd: root,
    env: { DATA_DIR: folder, DATABASE_URL: '', REDIS_URL: '', ...own, ...env },
  });
  return child;
}

async function answers(port: number, path = '/health/ready'): Promise<number | 'nobody'> {
  return fetch(`http://127.0.0.1:${port}${path}`).then(
    async (response) => {
      await response.body?.cancel();
      return response.status;
    },
    () => 'nobody' as const,
  );
}

async function untilNobodyAnswers(): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const states = await Promise.all(Object.values(ports).map((port) => answers(port)));
    if (states.every((state) => state === 'nobody')) return;
    if (Date.now() > deadline) throw new Error(`somebody is still there: ${states.join(', ')}`);
    await delay(100);
  }
}

describe('npm start', { timeout: 400_000 }, () => {
  it('brings up every service, shows a breaker that opens and closes, and takes a payment', async () => {
    const platform = run();
    await platform.waitFor('The example platform is up.', 150_000);
    for (const port of Object.values(ports)) expect(await answers(port)).toBe(200);

    const paid = await fetch(`http://127.0.0.1:${ports.PAYMENT_PORT}/v1/payments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
      body: JSON.stringify({ amount: 1_250, currency: 'EUR', customerId: 'somebody' }),
    });
    expect(paid.status).toBe(201);
    expect(await paid.json()).toMatchObject({ status: 'paid' });

    const log = await platform.waitFor('and it is closed again', 150_000);
    expect(log).toContain('[Breaker] order-service: closed -> open');
    expect(log).toContain('[Breaker] order-service: half-open -> closed');
    expect(log).toMatch(/→ 201 paid in \d+ ms, trace [0-9a-f]{8}/);

    platform.signal('SIGTERM');
    expect(await platform.exited).toEqual({ code: 0, signal: null });
    await untilNobodyAnswers();
  });

  it('leaves nobody behind when it is killed', async () => {
    const platform = run({ KIT_TRAFFIC: 'off' });
    await platform.waitFor('The example platform is up.', 150_000);
    platform.signal('SIGKILL');
    await platform.exited;
    await untilNobodyAnswers();
  });

  it('stops the others when one service ends by itself', async () => {
    const platform = run({ KIT_TRAFFIC: 'off' });
    await platform.waitFor(/user-service is process \d+/, 150_000);
    const [, pid] = /payment-service is process (\d+)/.exec(platform.stdout) ?? [];
    process.kill(Number(pid), 'SIGKILL');
    expect((await platform.exited).code).toBe(1);
    expect(platform.stderr).toContain('payment-service ended');
    await untilNobodyAnswers();
  });
});

describe('npm start on a machine where something is wrong', () => {
  async function expectOneLine(platform: RunningChild, line: RegExp): Promise<void> {
    expect(await platform.exited).toEqual({ code: 1, signal: null });
    expect(platform.stdout).toBe('');
    expect(platform.stderr.trim().split('\n')).toHaveLength(1);
    expect(platform.stderr).toMatch(line);
    await untilNobodyAnswers();
  }

  it('a taken port', async () => {
    const other = createServer().listen(ports.RISK_PORT, '127.0.0.1');
    await once(other, 'listening');
    const platform = run();
    expect(await platform.exited).toEqual({ code: 1, signal: null });
    expect(platform.stdout + platform.stderr).toBe(
      `[kit] port ${ports.RISK_PORT} is taken; risk-service needs it: free it or set RISK_PORT\n`,
    );
    other.close();
  });

  it('a port that is none', () => expectOneLine(run({ ORDER_PORT: '70000' }), /ORDER_PORT must be a port/));

  it('one port for two services', () =>
    expectOneLine(
      run({ ORDER_PORT: String(ports.RISK_PORT) }),
      /ORDER_PORT.*RISK_PORT|RISK_PORT.*ORDER_PORT/,
    ));

  it('a data folder that cannot be written', () => {
    writeFileSync(join(folder, 'a-file'), '');
    return expectOneLine(run({ DATA_DIR: join(folder, 'a-file') }), /cannot write to the data folder/);
  });

  it('a DATABASE_URL of an unknown kind', () =>
    expectOneLine(run({ DATABASE_URL: 'mongodb://localhost/kit' }), /DATABASE_URL must begin with postgres/));

  it('a DATABASE_URL where nobody listens', async () => {
    const url = `postgres://kit:secret@127.0.0.1:${await freePort()}/kit`;
    const platform = run({ DATABASE_URL: url });
    await expectOneLine(platform, /cannot use the database of DATABASE_URL/);
    expect(platform.stderr).not.toContain('secret');
  });
});
