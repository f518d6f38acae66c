import { hasServer, startRedis, type TestServer } from 'kit-tooling/servers';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type Platform, startPlatform } from './platform.ts';

describe.runIf(hasServer('redis'))('with a Redis', () => {
  let server: TestServer;
  let redis: Redis;
  let platform: Platform;
  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    redis.on('error', () => {});
    platform = await startPlatform({ REDIS_URL: server.url });
  });
  afterAll(async () => {
    await platform?.stop();
    redis?.disconnect();
    await server?.stop();
  });

  const refund = (id: string, amount: number) =>
    platform.request(`/v1/payments/${id}/refunds`, {
      json: { amount },
      headers: { 'idempotency-key': randomUUID() },
    });
  const hits = async (layer: string) => {
    const { body } = await platform.request('/metrics');
    const [, count = '0'] =
      new RegExp(`kit_cache_hits_total\\{[^}]*layer="${layer}"[^}]*\\} (\\d+)`).exec(body) ?? [];
    return Number(count);
  };

  it('publishes the outbox to a stream of the topic, in the order of its payment', async () => {
    const { body: paid } = await platform.pay({ amount: 300 });
    for (const amount of [10, 20, 30]) await refund(paid.id, amount);
    const entries = await eventually(
      () => redis.xrange('payment.refunded', '-', '+'),
      (found) => found.filter(([, fields]) => fields.join().includes(paid.id)).length === 3,
    );
    const amounts = entries
      .map(([, fields]) => fields[fields.indexOf('payload') + 1]!)
      .filter((payload) => payload.includes(paid.id))
      .map((payload) => (JSON.parse(payload) as { amount: number }).amount);
    expect(amounts).toEqual([10, 20, 30]);
  });

  it('answers a second read from memory, and counts it', async () => {
    const { body: paid } = await platform.pay();
    await platform.request(`/v1/payments/${paid.id}`);
    const before = await hits('l1');
    await platform.request(`/v1/payments/${paid.id}`);
    await eventually(
      () => hits('l1'),
      (count) => count > before,
    );
  });

  it('never shows a payment as it was before a refund', async () => {
    const { body: paid } = await platform.pay({ amount: 100 });
    for (const expected of [40, 80, 100]) {
      await platform.request(`/v1/payments/${paid.id}`);
      await refund(paid.id, expected === 100 ? 20 : 40);
      const { body } = await platform.request(`/v1/payments/${paid.id}`);
      expect(body.refundedAmount).toBe(expected);
    }
  });

  it('shows in health and metrics what the outbox holds back while Redis is away, and lets it go after', async () => {
    const held = async () => {
      const { body } = await platform.request('/health');
      const checks = body.checks as { name: string; metadata?: { backlog?: number } }[];
      return checks.find(({ name }) => name === 'outbox')?.metadata?.backlog;
    };
    const heldOnMetrics = async () => {
      const { body } = await platform.request('/metrics');
      return Number(/kit_outbox_backlog\{[^}]*\} (\d+)/.exec(body)?.[1]);
    };
    const isEmpty = (size: number | undefined) => size === 0;
    const { body: paid } = await platform.pay({ amount: 300 });
    await eventually(held, isEmpty);
    await server.kill();
    expect((await refund(paid.id, 10)).status).toBe(201);
    await eventually(held, (size) => size === 1);
    await eventually(heldOnMetrics, (size) => size === 1);
    await server.restart();
    await eventually(held, isEmpty);
    await eventually(heldOnMetrics, isEmpty);
  });

  it('goes on taking payments and reading them while Redis is away', async () => {
    await server.kill();
    const paid = await platform.pay();
    expect(paid.status).toBe(201);
    expect((await platform.request(`/v1/payments/${paid.body.id}`)).body.status).toBe('paid');
    expect((await platform.request('/health/ready')).status).toBe(200);
    await server.restart();
  });

  it('ends in time and in peace while Redis is away', async () => {
    await platform.pay();
    await server.kill();
    platform.service.signal('SIGTERM');
    const { code, signal } = await platform.service.exited;
    expect({ code, signal }).toEqual({ code: 0, signal: null });
  });

  it('that comes later than the service tells it what other instances change', async () => {
    const channels = () => redis.pubsub('CHANNELS').catch(() => []);
    const early = await startPlatform({ REDIS_URL: server.url });
    try {
      // The first read makes the cache, which asks for its subscription then.
      const { body: paid } = await early.pay();
      expect((await early.request(`/v1/payments/${paid.id}`)).body.status).toBe('paid');
      await server.restart();
      await eventually(channels, (names) => (names as string[]).some((name) => name.includes('bentocache')));
    } finally {
      await early.stop();
    }
  });
});
