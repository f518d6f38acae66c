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
