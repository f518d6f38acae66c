import { describe, expect, it } from 'vitest';
import { AdaptiveTimeout } from '../src/adaptive.js';

describe('AdaptiveTimeout', () => {
  const learn = (timeout: AdaptiveTimeout, key: string, durationMs = 10) => {
    for (let call = 0; call < 20; call += 1) timeout.record(key, durationMs);
  };

  it('counts a timed-out call as twice its timeout, so that survivors do not ratchet it down', () => {
    const timeout = new AdaptiveTimeout({ minMs: 1, maxMs: 10_000, factor: 2 });
    for (let call = 0; call < 20; call += 1) timeout.recordTimeout('route', 100);
    expect(timeout.timeoutMs('route')).toBeCloseTo(400, -1);
  });

  it('forgets the key that was used longest ago, not the one that came first', () => {
    const timeout = new AdaptiveTimeout({ minMs: 1, maxMs: 10_000 });
    learn(timeout, 'first');
    for (let key = 1; key < 1_000; key += 1) learn(timeout, `key ${key}`);
    timeout.record('first', 10);
    learn(timeout, 'one more');
    expect(timeout.timeoutMs('first')).toBeLessThan(10_000);
    expect(timeout.timeoutMs('key 1')).toBe(10_000);
    expect(timeout.timeoutMs('key 2')).toBeLessThan(10_000);
  });
});
