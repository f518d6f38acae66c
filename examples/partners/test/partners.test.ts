import { type RunningChild, runChild } from 'kit-tooling/process';
import { freePort } from 'kit-tooling/servers';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const main = new URL('../src/main.ts', import.meta.url);
let dataDir: string;
let urls: { order: string; channel: string; risk: string };
let child: RunningChild;

async function start(args: string[] = []): Promise<void> {
  child = runChild(main, {
    args,
    env: {
      DATA_DIR: dataDir,
      HOST: '127.0.0.1',
      ORDER_PORT: new URL(urls.order).port,
      CHANNEL_PORT: new URL(urls.channel).port,
      RISK_PORT: new URL(urls.risk).port,
      LOG_CONSOLE: 'json',
      SHUTDOWN_DELAY_MS: '0',
    },
  });
  await child.waitFor(/risk-service listens/);
}

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'kit-partners-'));
  const [order, channel, risk] = await Promise.all([1, 2, 3].map(() => freePort()));
  urls = {
    order: `http://127.0.0.1:${order}`,
    channel: `http://127.0.0.1:${channel}`,
    risk: `http://127.0.0.1:${risk}`,
  };
  await start();
});
afterAll(async () => {
  child?.signal('SIGTERM');
  await child?.exited;
  rmSync(dataDir, { recursive: true, force: true });
});
beforeEach(async () => {
  for (const url of Object.values(urls)) await fetch(`${url}/faults`, { method: 'DELETE' });
});

async function send(
  url: string,
  json: unknown,
  key: string | undefined = randomUUID(),
  method = 'POST',
  timeoutMs = 60_000,
) {
  const headers = { 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) };
  const init = { method, headers, body: JSON.stringify(json), signal: AbortSignal.timeout(timeoutMs) };
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json');
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}
const turn = (url: string, faults: unknown) => send(`${url}/faults`, faults, undefined, 'PUT');
const ledger = async (url: string, query: string) =>
  (
    (await (await fetch(`${url}/ledger?${query}`)).json()) as {
      items: { kind: string; deliveries: number }[];
    }
  ).items;
const orderOf = (paymentId: string) => ({ paymentId, customerId: 'c', amount: 100, currency: 'EUR' });

describe('every partner', () => {
  it('answers its probes and shows its metrics', async () => {
    for (const url of Object.values(urls)) {
      for (const path of ['/health', '/health/live', '/health/ready', '/metrics']) {
        expect((await fetch(url + path)).status).toBe(200);
      }
    }
  });

  it('does a thing once a key, and counts how often it was asked', async () => {
    const first = await send(`${urls.order}/orders`, orderOf('p-once'), 'once');
    const second = await send(`${urls.order}/orders`, orderOf('p-once'), 'once');
    expect(second.body).toEqual(first.body);
    expect(await ledger(urls.order, 'reference=p-once')).toMatchObject([{ kind: 'order', deliveries: 2 }]);
  });

  it('refuses another body under the same key, and a call without a key', async () => {
    await send(`${urls.order}/orders`, orderOf('p-a'), 'reused');
    expect((await send(`${urls.order}/orders`, orderOf('p-b'), 'reused')).status).toBe(422);
    expect((await send(`${urls.order}/orders`, orderOf('p-c'), '')).status).toBe(400);
  });

  it('remembers after a restart', async () => {
    const first = await send(`${urls.channel}/charges`, { ...orderOf('p-kept'), orderId: 'o' }, 'kept');
    child.signal('SIGKILL');
    await child.exited;
    await start();
    const found = await fetch(`${urls.channel}/charges/by-key/kept`);
    expect(await found.json()).toEqual(first.body);
  });
});

describe('fault dials', () => {
  it.each([
    ['an error', { errorRate: 1 }, 503],
    ['an error of a kind', { errorRate: 1, errorStatus: 418 }, 418],
  ])('%s: nothing is done', async (_what, faults, status) => {
    await turn(urls.order, faults);
    const reference = randomUUID();
    const answer = await send(`${urls.order}/orders`, orderOf(reference));
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(await ledger(urls.order, `reference=${reference}`)).toEqual([]);
  });

  it('an error after the effect: it is done', async () => {
    await turn(urls.order, { errorRate: 1, afterEffect: true });
    const reference = randomUUID();
    expect((await send(`${urls.order}/orders`, orderOf(reference))).status).toBe(503);
    expect(await ledger(urls.order, `reference=${reference}`)).toHaveLength(1);
  });

  it('a hang: no answer', async () => {
    await turn(urls.risk, { hang: true });
    const silent = send(`${urls.risk}/risk-checks`, orderOf('p'), 'hang', 'POST', 2_000);
    await expect(silent).rejects.toThrow(/timeout/i);
  });

  it('a cut connection after the effect', async () => {
    await turn(urls.channel, { dropRate: 1 });
    const reference = randomUUID();
    await expect(send(`${urls.channel}/charges`, { ...orderOf(reference), orderId: 'o' })).rejects.toThrow();
    expect(await ledger(urls.channel, `reference=${reference}`)).toHaveLength(1);
  });

  it('garbage: 200 that is no JSON', async () => {
    await turn(urls.channel, { garbage: true });
    const { status, body } = await send(`${urls.channel}/charges`, {
      ...orderOf(randomUUID()),
      orderId: 'o',
    });
    expect(status).toBe(200);
    expect(body).toContain('<html>');
  });

  it('latency', async () => {
    await turn(urls.risk, { latencyMs: 300 });
    const startedAt = performance.now();
    await send(`${urls.risk}/risk-checks`, orderOf('p'));
    expect(performance.now() - startedAt).toBeGreaterThan(290);
  });

  it('lets lookups through unless it is told otherwise', async () => {
    await send(`${urls.order}/orders`, orderOf('p'), 'looked-up');
    await turn(urls.order, { errorRate: 1 });
    expect((await fetch(`${urls.order}/orders/by-key/looked-up`)).status).toBe(200);
    await turn(urls.order, { errorRate: 1, lookups: true });
    expect((await fetch(`${urls.order}/orders/by-key/looked-up`)).status).toBe(503);
  });

  it.each([[{ errorRate: 2 }], [{ latencyMs: -1 }], [{ hang: 'yes' }], [{ unknown: 1 }], [[]]])(
    'refuses %j and stays as it was',
    async (faults) => {
      await turn(urls.risk, { latencyMs: 5 });
      expect((await turn(urls.risk, faults)).status).toBe(400);
      expect(await (await fetch(`${urls.risk}/faults`)).json()).toMatchObject({ latencyMs: 5 });
    },
  );
});

describe('a request that makes no sense', () => {
  const money = { amount: 100, currency: 'EUR' };
  const routes: [partner: 'order' | 'channel' | 'risk', path: string, good: Record<string, unknown>][] = [
    ['order', '/orders', { ...money, paymentId: 'p-bad', customerId: 'c' }],
    ['channel', '/charges', { ...money, paymentId: 'p-bad', orderId: 'o' }],
    ['channel', '/refunds', { ...money, refundId: 'p-bad', chargeId: 'chg_nobody' }],
    ['risk', '/risk-checks', { ...money, paymentId: 'p-bad', customerId: 'c' }],
  ];
  const wrong: [what: string, of: (good: Record<string, unknown>) => unknown, status: number][] = [
    ['null', () => null, 400],
    ['a list', (good) => [good], 400],
    ['nothing in it', () => ({}), 400],
    ['no amount', (good) => ({ ...good, amount: undefined }), 400],
    ['an amount of zero', (good) => ({ ...good, amount: 0 }), 400],
    ['half a cent', (good) => ({ ...good, amount: 0.5 }), 400],
    ['an amount as text', (good) => ({ ...good, amount: '100' }), 400],
    ['more than a number holds', (good) => ({ ...good, amount: 2 ** 53 }), 400],
    ['a currency in lower case', (good) => ({ ...good, currency: 'eur' }), 400],
    ['an empty id', (good) => ({ ...good, [Object.keys(good)[2]!]: '' }), 400],
    ['an id that is an object', (good) => ({ ...good, [Object.keys(good)[3]!]: {} }), 400],
    ['65 KB', (good) => ({ ...good, more: 'x'.repeat(65 * 1_024) }), 413],
  ];
  it.each(
    routes.flatMap(([partner, path, good]) =>
      wrong.map(([what, of, status]) => ({ partner, path, what, body: of(good), status })),
    ),
  )('POST $path with $what is a problem, and nothing is done', async ({ partner, path, body, status }) => {
    const answer = await send(`${urls[partner]}${path}`, body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body.code).toMatch(/^VAL_/);
    expect(await ledger(urls[partner], 'reference=p-bad')).toEqual([]);
  });

  it.each(routes)('%s %s without a key, or with one of 201 characters, does nothing', async (...route) => {
    const [partner, path, good] = route;
    for (const key of ['', 'k'.repeat(201)]) {
      expect((await send(`${urls[partner]}${path}`, good, key)).status).toBe(400);
    }
    expect(await ledger(urls[partner], 'reference=p-bad')).toEqual([]);
  });

  it('for something that is not there is a 404', async () => {
    for (const path of ['/orders/by-key/nobody', '/nowhere']) {
      expect((await fetch(`${urls.order}${path}`)).status).toBe(404);
    }
    const [, path, refund] = routes[2]!;
    expect((await send(`${urls.channel}${path}`, refund)).status).toBe(404);
  });
});

describe('the partners in particular', () => {
  it('order-service cancels an order once', async () => {
    const { body } = await send(`${urls.order}/orders`, orderOf('p-cancel'));
    const cancel = () => send(`${urls.order}/orders/${body.orderId}/cancel`, {}, 'cancel-it');
    expect([(await cancel()).status, (await cancel()).status]).toEqual([200, 200]);
    expect((await ledger(urls.order, 'reference=p-cancel&kind=order-cancelled')).length).toBe(1);
    expect((await send(`${urls.order}/orders/ord_nobody/cancel`, {})).status).toBe(404);
  });

  it('risk-service declines blocked customers', async () => {
    const check = async (customerId: string) =>
      (await send(`${urls.risk}/risk-checks`, { ...orderOf('p'), customerId })).body.decision;
    expect([await check('anna'), await check('blocked-ben')]).toEqual(['approve', 'decline']);
  });

  it('channel-adapter refunds what it charged and no more', async () => {
    const { body } = await send(`${urls.channel}/charges`, { ...orderOf('p-refund'), orderId: 'o' });
    const refund = (amount: number) =>
      send(`${urls.channel}/refunds`, { chargeId: body.chargeId, refundId: 'r', amount, currency: 'EUR' });
    expect([(await refund(70)).status, (await refund(31)).status, (await refund(30)).status]).toEqual([
      201, 422, 201,
    ]);
  });

  it('never does what was voided, and says what was done before it could be voided', async () => {
    const charge = (reference: string, key: string) =>
      send(`${urls.channel}/charges`, { ...orderOf(reference), orderId: 'o' }, key);
    const voidKey = (key: string) => send(`${urls.channel}/charges/by-key/${key}/void`, {});
    expect((await voidKey('voided')).body).toEqual({ status: 'voided' });
    expect((await charge('p-voided', 'voided')).status).toBe(409);
    expect(await ledger(urls.channel, 'reference=p-voided')).toEqual([]);
    const { body: done } = await charge('p-done', 'done');
    expect((await voidKey('done')).body).toEqual(done);
  });

  it('starts one alone, and says in one line why it cannot', async () => {
    const env = { DATA_DIR: dataDir, RISK_PORT: '0', LOG_CONSOLE: 'json', SHUTDOWN_DELAY_MS: '0' };
    const alone = runChild(main, { args: ['risk-service'], env });
    await alone.waitFor(/risk-service listens/);
    expect(alone.stdout).not.toContain('order-service');
    alone.signal('SIGTERM');
    expect(await alone.exited).toEqual({ code: 0, signal: null });

    const wrong = runChild(main, { args: ['bank'], env });
    expect((await wrong.exited).code).toBe(1);
    expect(wrong.stderr.trim()).toBe(
      'partners: there is no bank; there are order-service, channel-adapter, risk-service',
    );
    const taken = runChild(main, {
      args: ['risk-service'],
      env: { ...env, RISK_PORT: new URL(urls.risk).port },
    });
    expect((await taken.exited).code).toBe(1);
    expect(taken.stderr).toContain('is taken; set');
  });
});
