import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  breakerCheck,
  createHealth,
  diskCheck,
  eventLoopCheck,
  memoryCheck,
  outboxCheck,
  sagaCheck,
} from '../src/index.js';
import { contextOf } from './fakes.js';

describe('breakerCheck', () => {
  it('is degraded while the breaker is open or isolated, healthy else, under the name of the breaker', async () => {
    const breaker = { name: 'order-service', state: 'closed' };
    const check = breakerCheck(breaker);
    expect(check.name).toBe('order-service');
    const statusIn = async (state: string) => {
      breaker.state = state;
      return (await check.check(contextOf())).status;
    };
    expect(await statusIn('closed')).toBe('healthy');
    expect(await statusIn('open')).toBe('degraded');
    expect(await statusIn('half-open')).toBe('healthy');
    expect(await statusIn('isolated')).toBe('degraded');
    expect(await check.check(contextOf())).toMatchObject({ metadata: { state: 'isolated' } });
  });

  it('takes another name, and rejects what is no breaker', () => {
    expect(breakerCheck({ name: 'orders', state: 'open' }, { name: 'orders-breaker' }).name).toBe(
      'orders-breaker',
    );
    expect(() => breakerCheck(undefined as never)).toThrow('breaker must be an object with name and state');
    expect(() => breakerCheck({ name: '', state: 'open' })).toThrow(
      'breaker.name must be a non-empty string',
    );
  });
});

describe('sagaCheck and outboxCheck', () => {
  it('are degraded above maxBacklog, which is 1000', async () => {
    let backlog = 1_000;
    const source = { name: 'payments', backlog: async () => backlog };
    for (const check of [sagaCheck(source), outboxCheck(source)]) {
      expect(check.name).toBe('payments');
      backlog = 1_000;
      expect(await check.check(contextOf())).toEqual({ status: 'healthy', metadata: { backlog: 1_000 } });
      backlog = 1_001;
      expect(await check.check(contextOf())).toMatchObject({
        status: 'degraded',
        metadata: { backlog: 1_001 },
      });
    }
    expect((await sagaCheck(source, { maxBacklog: 5_000 }).check(contextOf())).status).toBe('healthy');
  });

  it('have a name of their own for what has none, and distrust what is no number', async () => {
    const source = { backlog: () => Number.NaN };
    expect([sagaCheck(source).name, outboxCheck(source).name]).toEqual(['saga', 'outbox']);
    expect(await outboxCheck(source).check(contextOf())).toMatchObject({ status: 'unhealthy' });
  });

  it('reject wrong input', () => {
    expect(() => sagaCheck({} as never)).toThrow('saga.backlog must be a function');
    expect(() => outboxCheck(null as never)).toThrow('outbox.backlog must be a function');
    expect(() => outboxCheck({ backlog: () => 1 }, { maxBacklog: -1 })).toThrow('maxBacklog must be >= 0');
  });
});

describe('eventLoopCheck', () => {
  it('is healthy in a quiet process, degraded after blocks, and healthy again when they are over', async () => {
    // Wide margins: other work on the machine delays this process, too.
    const check = eventLoopCheck({ windowMs: 300, maxDelayMs: 150 });
    expect(check.name).toBe('event-loop');
    await delay(20);
    for (let block = 0; block < 3; block += 1) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
      await delay(15);
    }
    const blocked = await check.check(contextOf());
    expect(blocked.status).toBe('degraded');
    expect(blocked.metadata?.p99Ms).toBeGreaterThan(150);
    await expect.poll(async () => (await check.check(contextOf())).status).toBe('healthy');
    check.close?.();
  });

  it('rejects wrong options', () => {
    expect(() => eventLoopCheck({ maxDelayMs: 0 })).toThrow('maxDelayMs must be > 0');
    expect(() => eventLoopCheck({ windowMs: -1 })).toThrow('windowMs must be > 0');
  });
});

describe('diskCheck', () => {
  it('weighs the free share of the disk against both limits', async () => {
    const ask = async (options: Parameters<typeof diskCheck>[1]) =>
      diskCheck(import.meta.dirname, options).check(contextOf());
    expect(await ask({ degradedBelowRatio: 0, unhealthyBelowRatio: 0 })).toMatchObject({
      status: 'healthy',
      metadata: {
        freeRatio: expect.any(Number),
        freeBytes: expect.any(Number),
        totalBytes: expect.any(Number),
      },
    });
    expect((await ask({ degradedBelowRatio: 1, unhealthyBelowRatio: 0 })).status).toBe('degraded');
    expect((await ask({ degradedBelowRatio: 1, unhealthyBelowRatio: 1 })).status).toBe('unhealthy');
  });

  it('is unhealthy with a code, and no path, where the path is gone', async () => {
    const health = createHealth().add(diskCheck('/no/such/path'));
    expect((await health.report()).checks[0]).toMatchObject({
      name: 'disk',
      status: 'unhealthy',
      message: 'ENOENT',
    });
  });

  it('rejects wrong input', () => {
    expect(() => diskCheck('')).toThrow('path must be a non-empty string');
    expect(() => diskCheck('/', { degradedBelowRatio: 10 })).toThrow(
      'degradedBelowRatio must be >= 0 and <= 1, got 10',
    );
  });
});

describe('memoryCheck', () => {
  it('is degraded above its share of the heap limit', async () => {
    expect(await memoryCheck({ maxRssRatio: 1 }).check(contextOf())).toMatchObject({
      status: 'healthy',
      metadata: { heapUsedBytes: expect.any(Number), heapLimitBytes: expect.any(Number) },
    });
    const tight = await memoryCheck({ maxHeapRatio: 0.000001 }).check(contextOf());
    expect(tight.status).toBe('degraded');
    expect(tight.message).toMatch(/of the heap is used$/);
  });

  it('looks at the memory limit of the container where there is one', async () => {
    const real = process.constrainedMemory;
    try {
      process.constrainedMemory = () => process.memoryUsage.rss();
      expect(await memoryCheck({ maxRssRatio: 0.5 }).check(contextOf())).toMatchObject({
        status: 'degraded',
        message: expect.stringMatching(/of the memory limit is used$/),
      });
      process.constrainedMemory = () => 2 ** 64;
      const unlimited = await memoryCheck({ maxRssRatio: 0.000001 }).check(contextOf());
      expect(unlimited.metadata).not.toHaveProperty('rssLimitBytes');
    } finally {
      process.constrainedMemory = real;
    }
  });

  it('rejects wrong options', () => {
    expect(() => memoryCheck({ maxHeapRatio: 0 })).toThrow('maxHeapRatio must be > 0 and <= 1, got 0');
    expect(() => memoryCheck({ maxRssRatio: 2 })).toThrow('maxRssRatio must be > 0 and <= 1, got 2');
  });
});

describe('liveness', () => {
  it('needs none of them: it answers while every check hangs', async () => {
    const health = createHealth();
    health.add({ name: 'hung', check: () => new Promise(() => {}) });
    const req = { method: 'GET', url: '/health/live', headers: {}, socket: {} };
    expect(await health.answer('live', req as never)).toMatchObject({ status: 200 });
    health.close();
  });
});
