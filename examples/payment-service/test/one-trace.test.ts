import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, type Platform, startPlatform } from './platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform?.stop());

it('leads through the logs of all services by its short id', async () => {
  const { headers } = await platform.pay();
  const id = headers.get('x-trace-id')!;
  expect(id).toMatch(/^[0-9a-f]{8}$/);
  const lines = await eventually(
    async () =>
      [platform.service.stdout, platform.partnersLog]
        .flatMap((log) => log.split('\n'))
        .filter((line) => line.includes(`"id":"${id}"`))
        .map((line) => JSON.parse(line) as { service: string; traceId: string }),
    (found) => new Set(found.map(({ service }) => service)).size === 4,
  );
  expect(new Set(lines.map(({ service }) => service))).toEqual(
    new Set(['payment-service', 'risk-service', 'order-service', 'channel-adapter']),
  );
  expect(new Set(lines.map(({ traceId }) => traceId)).size).toBe(1);
});

it('is taken from nobody whom the service does not trust', async () => {
  const { headers } = await platform.request('/v1/payments', { headers: { 'x-trace-id': 'a'.repeat(32) } });
  expect(headers.get('x-trace-id')).not.toBe('aaaaaaaa');
});

it('goes to partners with the deadline and the idempotency key of the call, a new span each', async () => {
  const seen: IncomingHttpHeaders[] = [];
  const partner = createServer((request, response) => {
    // The first call fails, so that there is a second attempt.
    if (request.method === 'POST') seen.push(request.headers);
    response.writeHead(seen.length === 1 ? 503 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ decision: 'approve' }));
  }).listen(0, '127.0.0.1');
  await once(partner, 'listening');
  const { port } = partner.address() as { port: number };
  const other = await startPlatform({ RISK_URL: `http://127.0.0.1:${port}`, PARTNER_TIMEOUT_MS: '20000' });
  try {
    const paid = await other.pay();
    expect(paid.status).toBe(201);
    const [first, second] = seen as [IncomingHttpHeaders, IncomingHttpHeaders];
    expect(first['idempotency-key']).toContain(paid.body.id);
    expect(second['idempotency-key']).toBe(first['idempotency-key']);
    expect(Number(first['x-request-timeout-ms'])).toBeLessThanOrEqual(20_000);
    const [trace, span] = String(first.traceparent).split('-').slice(1);
    expect(trace).toMatch(new RegExp(`${paid.headers.get('x-trace-id')}$`));
    expect(String(second.traceparent)).toContain(trace);
    expect(String(second.traceparent)).not.toContain(span);
  } finally {
    await other.stop();
    partner.close();
  }
});

it('has a deadline that shrinks on the way, and the answer comes when it is over', async () => {
  const limits: [path: string, ms: number][] = [];
  let latencyMs = 300;
  const partner = createServer((request, response) => {
    if (request.method !== 'POST') return void response.end();
    limits.push([request.url!, Number(request.headers['x-request-timeout-ms'])]);
    setTimeout(() => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ decision: 'approve', orderId: 'order-1', chargeId: 'charge-1' }));
    }, latencyMs);
    return undefined;
  }).listen(0, '127.0.0.1');
  await once(partner, 'listening');
  const { port } = partner.address() as { port: number };
  const url = `http://127.0.0.1:${port}`;
  const slow = { PARTNER_TIMEOUT_MS: '30000', REQUEST_DEADLINE_MS: '5000' };
  const other = await startPlatform({ RISK_URL: url, ORDER_URL: url, CHANNEL_URL: url, ...slow });
  try {
    expect((await other.pay()).status).toBe(201);
    expect(limits.map(([path]) => path)).toEqual(['/risk-checks', '/orders', '/charges']);
    const [risk, order, channel] = limits.map(([, ms]) => ms) as [number, number, number];
    expect(risk).toBeLessThanOrEqual(5_000);
    expect(order).toBeLessThanOrEqual(risk - 290);
    expect(channel).toBeLessThanOrEqual(order - 290);

    latencyMs = 25_000;
    const late = await other.pay();
    expect(late.status).toBe(504);
    expect(late.body).toMatchObject({ code: 'SYS_PARTNER_TIMEOUT', payment: { status: 'failed' } });
  } finally {
    await other.stop();
    partner.closeAllConnections();
    partner.close();
  }
});
