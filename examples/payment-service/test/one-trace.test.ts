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
  const other = await startPlatform({ RISK_URL: `http://127.0.0.1:${port}`, PARTNER_TIMEOUT_MS: '1500' });
  try {
    const paid = await other.pay();
    expect(paid.status).toBe(201);
    const [first, second] = seen as [IncomingHttpHeaders, IncomingHttpHeaders];
    expect(first['idempotency-key']).toContain(paid.body.id);
    expect(second['idempotency-key']).toBe(first['idempotency-key']);
    expect(Number(first['x-request-timeout-ms'])).toBeLessThanOrEqual(1_500);
    const [trace, span] = String(first.traceparent).split('-').slice(1);
    expect(trace).toMatch(new RegExp(`${paid.headers.get('x-trace-id')}$`));
    expect(String(second.traceparent)).toContain(trace);
    expect(String(second.traceparent)).not.toContain(span);
  } finally {
    await other.stop();
    partner.close();
  }
});
