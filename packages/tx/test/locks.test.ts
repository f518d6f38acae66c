import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { hasServer, startRedis, type TestServer } from 'kit-tooling/servers';
import {
  createLock,
  createTransactionManager,
  isLeaseLostError,
  isLockUnavailableError,
  type RunOptions,
} from '../src/index.js';
import { engines, reasonOf, useDatabase } from './support/databases.js';

describe.runIf(hasServer('redis'))('createLock', () => {
  let server: TestServer;
  let redis: Redis;

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    redis.on('error', () => {});
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });
  beforeEach(() => redis.flushall().then(() => {}));

  it('lets one in at a time, each with a greater fence', async () => {
    const lock = createLock(redis);
    let inside = 0;
    let most = 0;
    const fences: number[] = [];
    await Promise.all(
      Array.from({ length: 8 }, () =>
        lock.run('key', async ({ fence }) => {
          inside += 1;
          most = Math.max(most, inside);
          fences.push(fence);
          await delay(5);
          inside -= 1;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(fences).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('is extended while it is held', async () => {
    const lock = createLock(redis, { ttlMs: 1_500, waitMs: 0 });
    await lock.run('key', async ({ signal }) => {
      await delay(3_500);
      expect(signal.aborted).toBe(false);
      expect(isLockUnavailableError(await reasonOf(lock.acquire('key')))).toBe(true);
    });
    await lock.run('key', { waitMs: 0 }, async ({ fence }) => expect(fence).toBe(2));
  });

  it('signals its loss, and run rejects although the function ended', async () => {
    const lock = createLock(redis, { ttlMs: 150 });
    let told: unknown;
    const reason = await reasonOf(
      lock.run('key', async ({ signal }) => {
        const lost = once(signal, 'abort');
        await redis.set('kit:lock:{key}', 'somebody else');
        await lost;
        told = signal.reason;
        return 'done';
      }),
    );
    expect(isLeaseLostError(reason)).toBe(true);
    expect(isLeaseLostError(told)).toBe(true);
    // What is not ours is not released.
    expect(await redis.get('kit:lock:{key}')).toBe('somebody else');
  });

  it('is lost when Redis does not answer in time', async () => {
    const lock = createLock(redis, { ttlMs: 200 });
    const held = await lock.acquire('key');
    server.freeze();
    await delay(600);
    server.thaw();
    expect(isLeaseLostError(held.signal.reason)).toBe(true);
    await held.release();
  });

  it('gives up waiting after waitMs, or when the signal aborts', async () => {
    const lock = createLock(redis);
    await using held = await lock.acquire('key');
    expect(held.token).toMatch(/^[\da-f-]{36}$/);
    expect(isLockUnavailableError(await reasonOf(lock.acquire('key', { waitMs: 50 })))).toBe(true);
    const why = new Error('shutdown');
    expect(await reasonOf(lock.acquire('key', { signal: AbortSignal.abort(why) }))).toBe(why);
  });

  it.each([
    [() => createLock({} as never), 'redis must be a client with eval'],
    [() => createLock(redis, null as never), 'options must be an object, got null'],
    [() => createLock(redis, { prefix: 5 as never }), 'prefix must be a string, got 5'],
    [() => createLock(redis).acquire('key', null as never), 'options must be an object, got null'],
    [() => createLock(redis).acquire('key', { signal: 5 as never }), 'signal must be an AbortSignal, got 5'],
    [() => createLock(redis, { ttlMs: 1 }), 'ttlMs must be an integer >= 30, got 1'],
    [() => createLock(redis, { waitMs: -1 }), 'waitMs must be >= 0, got -1'],
    [() => createLock(redis).acquire(''), 'key must be a non-empty string, got ""'],
    [() => createLock(redis).run('key', undefined as never), 'fn must be a function, got undefined'],
  ])('refuses wrong input %#', async (call, message) => {
    await expect((async () => call())()).rejects.toThrow(message);
  });
});

describe.each(engines)('tm.advisoryLock on %s', (engine) => {
  const tm = createTransactionManager({ name: 'locked', primary: useDatabase(engine).pool() });
  afterAll(() => tm.close());

  it('lets one in at a time, until its transaction has ended, also when that fails', async () => {
    let inside = 0;
    let most = 0;
    const work = (index: number) =>
      tm.advisoryLock('key', async () => {
        inside += 1;
        most = Math.max(most, inside);
        await delay(10);
        inside -= 1;
        if (index % 2 === 1) throw new Error('odd');
        return index;
      });
    const ends = await Promise.allSettled(Array.from({ length: 6 }, (_, index) => work(index)));
    expect(most).toBe(1);
    expect(ends.map((end) => end.status === 'fulfilled')).toEqual([true, false, true, false, true, false]);
  });

  if (engine !== 'sqlite')
    it('of another key does not wait, and a joined one is held until the outer end', async () => {
      const order: string[] = [];
      const joined = Promise.withResolvers<void>();
      const otherDone = Promise.withResolvers<void>();
      const outer = tm.run(async () => {
        await tm.advisoryLock(1n, async () => order.push('joined'));
        joined.resolve();
        await otherDone.promise;
        order.push('outer ends');
      });
      await joined.promise;
      const second = tm.advisoryLock(1n, async () => order.push('second'));
      await tm.advisoryLock('other', async () => order.push('other'));
      otherDone.resolve();
      await Promise.all([outer, second]);
      expect(order).toEqual(['joined', 'other', 'outer ends', 'second']);
    });

  it.each<RunOptions>([
    { readOnly: true },
    { propagation: 'SUPPORTS' },
    { propagation: 'NOT_SUPPORTED' },
    { propagation: 'NEVER' },
    ...(engine === 'sqlite' ? [{ readOnly: true, snapshot: true }] : []),
  ])('refuses %j, which has no transaction to hold the lock', async (options) => {
    const work = vi.fn();
    const reason = await reasonOf(tm.advisoryLock('key', options, work));
    expect(reason).toMatchObject({
      code: 'KIT_TX_PROPAGATION',
      message: expect.stringContaining('advisoryLock("key") of "locked" needs a transaction'),
    });
    expect(work).not.toHaveBeenCalled();
  });

  it('waits no longer than timeoutMs', async () => {
    const held = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const holder = tm.advisoryLock('slow', () => {
      held.resolve();
      return ended.promise;
    });
    await held.promise;
    const reason = await reasonOf(tm.advisoryLock('slow', { timeoutMs: 100 }, async () => {}));
    expect(reason).toMatchObject({ code: 'KIT_TX_TIMEOUT' });
    ended.resolve();
    await holder;
    await tm.advisoryLock('slow', async () => {});
    await expect(tm.advisoryLock('', async () => {})).rejects.toThrow('key must be a non-empty string');
    for (const key of ['a\0b', '\ud800'])
      await expect(tm.advisoryLock(key, async () => {})).rejects.toThrow('key must be well-formed text');
  });
});
