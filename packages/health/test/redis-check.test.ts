import { createClock } from 'kit-tooling/clock';
import { hasServer, startRedis, type TestServer } from 'kit-tooling/servers';
import { EventEmitter } from 'node:events';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createHealth, type Health, redisCheck, type RedisLike } from '../src/index.js';
import { contextOf, freeze } from './fakes.js';

describe.runIf(hasServer('redis'))('redisCheck on Redis', () => {
  let server: TestServer;
  const open: { redis: Redis; health: Health }[] = [];

  beforeAll(async () => {
    server = await startRedis();
  });
  afterEach(() => {
    server.thaw();
    for (const { redis, health } of open.splice(0)) {
      health.close();
      redis.disconnect();
    }
  });
  afterAll(() => server?.stop());

  const connect = async (options: Parameters<typeof redisCheck>[1] = {}) => {
    const redis = new Redis({
      host: '127.0.0.1',
      port: server.port,
      retryStrategy: () => 50,
      lazyConnect: true,
    });
    redis.on('error', () => {});
    await redis.connect();
    const health = createHealth({ ttlMs: 0, timeoutMs: 1_500 }).add(redisCheck(redis, options));
    open.push({ redis, health });
    return { redis, health };
  };
  const checkOf = async (health: Health) => (await health.report()).checks[0]!;

  it('is healthy and leaves a key that lives at most ten seconds', async () => {
    const { redis, health } = await connect({ instance: 'test-1' });
    expect(await checkOf(health)).toMatchObject({
      name: 'redis',
      status: 'healthy',
      metadata: { status: 'ready', commandQueueLength: 0, timeouts: 0, reconnects: 0 },
    });
    const livesMs = await redis.pttl('kit:health:test-1');
    expect(livesMs).toBeGreaterThan(0);
    expect(livesMs).toBeLessThanOrEqual(10_000);
  });

  it('writes nothing when readOnly, and names the code when it may not write', async () => {
    const { redis, health } = await connect({ readOnly: true, instance: 'test-2' });
    expect((await checkOf(health)).status).toBe('healthy');
    expect(await redis.exists('kit:health:test-2')).toBe(0);
    const writing = await connect();
    await redis.config('SET', 'min-replicas-to-write', '1');
    expect(await checkOf(writing.health)).toMatchObject({ status: 'unhealthy', message: 'NOREPLICAS' });
    await redis.config('SET', 'min-replicas-to-write', '0');
    expect((await checkOf(writing.health)).status).toBe('healthy');
  });

  it('is unhealthy while frozen, with one PING outstanding, and recovers when it thaws', async () => {
    const { redis, health } = await connect();
    await freeze(server);
    expect(await checkOf(health)).toMatchObject({ status: 'unhealthy', message: 'timeout after 1500 ms' });
    for (let probe = 0; probe < 5; probe += 1) expect((await checkOf(health)).status).toBe('unhealthy');
    expect((redis as unknown as RedisLike).commandQueue?.length).toBe(1);
    server.thaw();
    await expect.poll(async () => (await checkOf(health)).status).toBe('healthy');
    expect((await checkOf(health)).metadata).toMatchObject({ timeouts: 1 });
  });

  it('is unhealthy at once while killed, without a queue of commands, and recovers after a restart', async () => {
    const { redis, health } = await connect();
    await server.kill();
    await expect.poll(() => redis.status).toBe('reconnecting');
    const check = await checkOf(health);
    expect(check).toMatchObject({ status: 'unhealthy' });
    expect(JSON.stringify(check)).not.toContain('127.0.0.1');
    await server.restart();
    await expect.poll(async () => (await checkOf(health)).status).toBe('healthy');
    expect((await checkOf(health)).metadata?.reconnects).toBeGreaterThan(0);
  });
});

/** A client of the shape of ioredis that keeps one key. */
class FakeRedis extends EventEmitter implements RedisLike {
  status = 'ready';
  pings = 0;
  stored: string | null = null;
  ping = async () => {
    this.pings += 1;
    return 'PONG';
  };
  set = async (_key: string, value: string): Promise<unknown> => {
    this.stored = value;
    return 'OK';
  };
  get = async (_key: string) => this.stored;
}

describe('redisCheck, windows of 60 s', () => {
  const setUp = () => {
    const clock = createClock(5_000_000);
    const redis = new FakeRedis();
    const check = redisCheck(redis);
    return { clock, redis, check, ask: async () => check.check(contextOf(clock.now)) };
  };

  it('is degraded after more than 100 timeouts and healthy a minute later', async () => {
    const { clock, redis, ask } = setUp();
    for (let index = 0; index < 100; index += 1) redis.emit('error', new Error('connect ETIMEDOUT'));
    expect(await ask()).toMatchObject({ status: 'healthy' });
    redis.emit('error', new Error('Command timed out'));
    redis.emit('error', new Error('something else'));
    expect(await ask()).toMatchObject({ status: 'degraded', message: '101 timeouts in the last 60 s' });
    clock.advance(60_000);
    expect(await ask()).toMatchObject({ status: 'healthy', metadata: { timeouts: 0 } });
  });

  it('is degraded after more than 50 reconnects and healthy a minute later', async () => {
    const { clock, redis, ask } = setUp();
    for (let index = 0; index < 51; index += 1) redis.emit('reconnecting', 50);
    expect(await ask()).toMatchObject({ status: 'degraded', message: '51 reconnects in the last 60 s' });
    clock.advance(60_000);
    expect(await ask()).toMatchObject({ status: 'healthy' });
  });

  it('is unhealthy when another value comes back', async () => {
    const { redis, ask } = setUp();
    redis.get = async () => 'other';
    expect(await ask()).toMatchObject({
      status: 'unhealthy',
      message: 'read back another value than was written',
    });
  });

  it.each(['reconnecting', 'close', 'end'])(
    'sends no command while the client is in state %s',
    async (status) => {
      const { redis, ask } = setUp();
      redis.status = status;
      expect(await ask()).toMatchObject({
        status: 'unhealthy',
        message: `the connection is in state ${status}`,
      });
      expect(redis.pings).toBe(0);
    },
  );

  it('counts the timeouts of commands it made itself', async () => {
    const { redis, ask } = setUp();
    redis.ping = async () => Promise.reject(new Error('Command timed out'));
    expect(await ask()).toMatchObject({ status: 'unhealthy' });
    expect(await ask()).toMatchObject({ metadata: { timeouts: 1 } });
  });

  it('lets go of the client on close', () => {
    const { redis, check } = setUp();
    check.close?.();
    expect(redis.listenerCount('error') + redis.listenerCount('reconnecting')).toBe(0);
  });

  it('rejects what is no client', () => {
    expect(() => redisCheck({} as never)).toThrow('redis.ping must be a function');
    expect(() => redisCheck(new FakeRedis(), { readOnly: 1 as never })).toThrow(
      'readOnly must be a boolean, got 1',
    );
    expect(() => redisCheck(new FakeRedis(), { instance: '' })).toThrow(
      'instance must be a non-empty string',
    );
  });
});
