import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createBulkhead, isBulkheadFullError, runWithDeadline } from '../src/index.js';
import { defer } from './support.js';

const hold = (bulkhead: ReturnType<typeof createBulkhead>) => {
  const { promise, resolve } = defer<string>();
  return { run: bulkhead.run(() => promise), release: () => resolve('done') };
};

describe('createBulkhead', () => {
  it('runs maxConcurrent at once, queues maxQueue and refuses the rest at once', async () => {
    const bulkhead = createBulkhead({ name: 'orders', maxConcurrent: 2, maxQueue: 1 });
    const first = hold(bulkhead);
    const second = hold(bulkhead);
    const third = hold(bulkhead);
    expect([bulkhead.running, bulkhead.queued]).toEqual([2, 1]);
    const error: unknown = await bulkhead.run(() => 1).catch((e: unknown) => e);
    expect(isBulkheadFullError(error)).toBe(true);
    expect(error).toMatchObject({ code: 'KIT_BULKHEAD_FULL', bulkhead: 'orders', reason: 'queue-full' });
    first.release();
    await first.run;
    expect([bulkhead.running, bulkhead.queued]).toEqual([2, 0]);
    second.release();
    third.release();
    expect(await Promise.all([second.run, third.run])).toEqual(['done', 'done']);
    expect(bulkhead.running).toBe(0);
  });

  it('refuses a call that has waited queueTimeoutMs', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueue: 5, queueTimeoutMs: 20 });
    const held = hold(bulkhead);
    await expect(bulkhead.run(() => 1)).rejects.toMatchObject({ reason: 'queue-timeout' });
    expect(bulkhead.queued).toBe(0);
    held.release();
    await held.run;
    expect(await bulkhead.run(() => 1)).toBe(1);
  });

  it('lets a call wait for its place as long as queueTimeoutMs says', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueue: 1 });
    const held = hold(bulkhead);
    const waiting = bulkhead.run(() => 'ran').catch((error: unknown) => error);
    await delay(50);
    held.release();
    expect(await waiting).toBe('ran');
  });

  it('lets a caller leave the queue at once', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueue: 5 });
    const held = hold(bulkhead);
    const caller = new AbortController();
    let called = false;
    const waiting = bulkhead.run({ signal: caller.signal }, () => (called = true));
    caller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await expect(bulkhead.run({ signal: caller.signal }, () => 1)).rejects.toThrow('gone');
    held.release();
    await held.run;
    expect([called, bulkhead.running, bulkhead.queued]).toEqual([false, 0, 0]);
  });

  it('does not wait past the deadline', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueue: 5, queueTimeoutMs: 10_000 });
    const held = hold(bulkhead);
    await expect(runWithDeadline(30, () => bulkhead.run(() => 1))).rejects.toMatchObject({
      code: 'KIT_DEADLINE_EXCEEDED',
    });
    held.release();
    await held.run;
  });

  it('frees its place when the function throws', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1 });
    for (let i = 0; i < 3; i++)
      await expect(
        bulkhead.run(() => {
          throw new Error('sync');
        }),
      ).rejects.toThrow('sync');
    expect(bulkhead.running).toBe(0);
  });
});
