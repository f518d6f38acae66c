import { Redis } from 'ioredis';
import { runChild, type RunningChild } from 'kit-tooling/process';
import { hasServer, startRedis, type TestServer } from 'kit-tooling/servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Breaker, createBreaker, createBreakerRegistry } from '../src/index.js';
import { createSharedState } from '../src/redis.js';
import { fail, succeed } from './support.js';

const file = new URL('./children/shares.ts', import.meta.url);

describe.runIf(hasServer('redis'))('createSharedState', () => {
  let server: TestServer;
  const children: RunningChild[] = [];
  const clients: Redis[] = [];
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(async () => {
    for (const child of children) child.signal('SIGKILL');
    for (const client of clients) client.disconnect();
    await server.stop();
  });

  const connect = () => {
    const client = new Redis(server.url, { maxRetriesPerRequest: null });
    client.on('error', () => {});
    clients.push(client);
    return client;
  };
  /** Processes that share one breaker; each tells its state when asked. */
  const fleet = async (keyPrefix: string, size: number) => {
    const started = Array.from({ length: size }, () =>
      runChild(file, { args: [server.url, keyPrefix], ipc: true }),
    );
    children.push(...started);
    await Promise.all(started.map((child) => child.waitFor('ready')));
    return {
      tell: (index: number, what: string) => ask(started[index]!, what),
      sync: async () => {
        for (let round = 0; round < 2; round++) for (const child of started) await ask(child, 'sync');
      },
      states: () => Promise.all(started.map((child) => ask(child, 'state'))),
      close: () => Promise.all(started.map((child) => ask(child, 'close'))),
    };
  };

  it('does not let one bad node open the breakers of the others', async () => {
    const { tell, sync, states, close } = await fleet('bad-node', 3);
    await tell(0, 'fail 20');
    await tell(1, 'succeed 3');
    await tell(2, 'succeed 3');
    await sync();
    expect(await states()).toEqual(['open', 'closed', 'closed']);
    await close();
  });

  it('opens early when a quorum sees it fail, however few calls each has', async () => {
    const { tell, sync, states, close } = await fleet('quorum', 3);
    await tell(0, 'fail 3');
    await tell(1, 'fail 3');
    expect(await states()).toEqual(['closed', 'closed', 'closed']);
    await sync();
    expect(await states()).toEqual(['open', 'open', 'open']);
    await close();
  });

  it('does not open on fewer calls in all than minimumCalls', async () => {
    const breakers = [createBreaker({ name: 'p' }), createBreaker({ name: 'p' })];
    const shared = breakers.map((breaker) =>
      createSharedState({ redis: connect(), breakers: [breaker], keyPrefix: 'few', intervalMs: 60_000 }),
    );
    const sync = async () => {
      for (let round = 0; round < 2; round++) for (const one of shared) await one.sync();
    };
    await fail(breakers[0]!, 2);
    await fail(breakers[1]!, 2);
    await sync();
    expect(breakers.map((b) => b.state)).toEqual(['closed', 'closed']);
    await fail(breakers[1]!, 1);
    await sync();
    expect(breakers.map((b) => b.state)).toEqual(['open', 'open']);
    for (const one of shared) await one.close();
  });

  it('forgets an instance that is gone', async () => {
    const gone = createBreaker({ name: 'p' });
    const here = createBreaker({ name: 'p' });
    const options = { keyPrefix: 'gone', intervalMs: 100, ttlMs: 300 };
    const leaving = createSharedState({ redis: connect(), breakers: [gone], ...options });
    await fail(gone, 5);
    await leaving.sync();
    await leaving.close();
    const staying = createSharedState({ redis: connect(), breakers: [here], ...options });
    await fail(here, 3);
    await staying.sync();
    expect(here.state).toBe('closed');
    await staying[Symbol.asyncDispose]();
    // Nor does a late call, or a second close, bring it back.
    await staying.close();
    expect(await staying.sync()).toBe(false);
    expect(await clients[0]!.hlen('{gone}:windows')).toBe(0);
  });

  it('adds nothing to a call while Redis is frozen or gone, and goes on when it is back', async () => {
    const breakers = createBreakerRegistry();
    const breaker = breakers.get('p');
    const shared = createSharedState({ redis: connect(), breakers, keyPrefix: 'frozen', intervalMs: 20 });
    expect(await shared.sync()).toBe(true);
    const worstMs = async () => {
      let worst = 0;
      for (let i = 0; i < 200; i++) {
        const startedAt = performance.now();
        await succeed(breaker);
        worst = Math.max(worst, performance.now() - startedAt);
      }
      return worst;
    };
    await server.freeze();
    expect(await worstMs()).toBeLessThan(10_000);
    await server.thaw();
    expect(await shared.sync()).toBe(true);
    await server.kill();
    expect(await worstMs()).toBeLessThan(10_000);
    const startedAt = performance.now();
    await shared.close();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await server.restart();
  });

  it('does not open on reports that waited for a frozen Redis', async () => {
    const share = (breaker: Breaker) =>
      createSharedState({
        redis: connect(),
        breakers: [breaker],
        keyPrefix: 'late',
        intervalMs: 500,
        ttlMs: 500,
      });
    const breakers = Array.from({ length: 3 }, () => createBreaker({ name: 'p', windowMs: 500 }));
    const shared = breakers.slice(0, 2).map(share);
    for (const one of shared) expect(await one.sync()).toBe(true);
    await server.freeze();
    try {
      for (const breaker of breakers.slice(0, 2)) await fail(breaker, 3);
      // The reports are on their way when their windows run out.
      expect(await Promise.all(shared.map((one) => one.sync()))).toEqual([false, false]);
      await expect.poll(() => breakers.map(({ counts }) => counts.requests)).toEqual([0, 0, 0]);
    } finally {
      await server.thaw();
    }
    shared.push(share(breakers[2]!));
    for (const one of shared.toReversed()) await expect.poll(() => one.sync()).toBe(true);
    expect(breakers.map(({ state }) => state)).toEqual(['closed', 'closed', 'closed']);
    for (const one of shared) await one.close();
  });

  it('lets a breaker of any name vote', async () => {
    const breakers = ['__proto__', '__proto__'].map((name) => createBreaker({ name }));
    const shared = breakers.map((breaker) =>
      createSharedState({ redis: connect(), breakers: [breaker], keyPrefix: 'names', intervalMs: 60_000 }),
    );
    for (const breaker of breakers) await fail(breaker, 3);
    for (let round = 0; round < 2; round++) for (const one of shared) await one.sync();
    expect(breakers.map(({ state }) => state)).toEqual(['open', 'open']);
    for (const one of shared) await one.close();
  });

  it('survives what another version has written', async () => {
    const redis = connect();
    await redis.hset(
      '{odd}:windows',
      'a',
      'not json',
      'b',
      '{"p":{"calls":"many","failing":true}}',
      'c',
      '{"p":7}',
      'd',
      'null',
      'e',
      '{"p":{"calls":1e999,"failing":true}}',
      'f',
      '{"p":{"calls":-5,"failing":true}}',
    );
    for (const id of 'abcdef') await redis.zadd('{odd}:seen', Date.now(), id);
    const breaker = createBreaker({ name: 'p' });
    await fail(breaker, 4);
    const shared = createSharedState({ redis, breakers: [breaker], keyPrefix: 'odd' });
    expect(await shared.sync()).toBe(true);
    expect(breaker.state).toBe('closed');
    await shared.close();
  });

  it('refuses wrong options', () => {
    const redis = clients[0]!;
    const breakers = createBreakerRegistry();
    for (const [wrong, message] of [
      [{ redis: undefined }, 'redis must be an ioredis client'],
      [{ redis: { eval: () => [] } }, 'redis must be an ioredis client'],
      [{ breakers: 7 }, 'breakers must be a registry'],
      [{ breakers: [7] }, 'breakers[0] must be a breaker, got 7'],
      [{ quorum: 0 }, 'quorum must be > 0 and <= 1, got 0'],
      [{ intervalMs: 0 }, 'intervalMs must be > 0'],
      [{ ttlMs: 10 }, 'ttlMs must be >= 1000, got 10'],
      [{ instanceId: '' }, 'instanceId must be'],
      [{ keyPrefix: 7 }, 'keyPrefix must be a string, got 7'],
    ] as const)
      expect(() => createSharedState({ redis, breakers, ...(wrong as object) })).toThrow(message);
  });
});

let question = 0;
async function ask(child: RunningChild, what: string): Promise<string> {
  const id = (question += 1);
  const answer = new Promise<string>((resolve) => {
    const listen = (message: { id: number; answer: string }) => {
      if (message.id !== id) return;
      child.process.off('message', listen as never);
      resolve(message.answer);
    };
    child.process.on('message', listen as never);
  });
  child.process.send({ id, what });
  return answer;
}
