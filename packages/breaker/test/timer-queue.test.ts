import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { TimerQueue } from '../src/timer-queue.js';

const createEntry = (name: string, expired: string[]) => ({
  dueAt: 0,
  previous: undefined,
  next: undefined,
  expire: () => void expired.push(name),
});

describe('TimerQueue', () => {
  it('lets entries expire in the order in which they came, none before its time', async () => {
    const waited: [name: string, ms: number][] = [];
    const queue = new TimerQueue(40);
    const add = (name: string) => {
      const addedAt = performance.now();
      const expire = () => void waited.push([name, performance.now() - addedAt]);
      queue.add({ ...createEntry(name, []), expire });
    };
    add('first');
    await delay(20);
    add('second');
    expect(waited).toEqual([]);
    await expect.poll(() => waited.length).toBe(2);
    add('third');
    await expect.poll(() => waited.length).toBe(3);
    expect(waited.map(([name]) => name)).toEqual(['first', 'second', 'third']);
    for (const [, ms] of waited) expect(ms).toBeGreaterThan(39);
  });

  it('forgets what was removed, at the front, in the middle and at the end', async () => {
    const expired: string[] = [];
    const queue = new TimerQueue(30);
    const entries = ['a', 'b', 'c', 'd', 'e'].map((name) => createEntry(name, expired));
    for (const entry of entries) queue.add(entry);
    for (const index of [0, 2, 4]) queue.remove(entries[index]!);
    await expect.poll(() => expired.length).toBe(2);
    await delay(60);
    expect(expired).toEqual(['b', 'd']);
  });

  it('goes on when an entry adds another as it expires', async () => {
    const expired: string[] = [];
    const queue = new TimerQueue(5);
    const first = createEntry('first', expired);
    queue.add({ ...first, expire: () => (first.expire(), queue.add(createEntry('second', expired))) });
    await expect.poll(() => expired).toEqual(['first', 'second']);
  });
});
