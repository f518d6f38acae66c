import { createClock } from 'kit-tooling/clock';
import { describe, expect, it } from 'vitest';
import { createRecentCount } from '../src/recent-count.js';

describe('createRecentCount', () => {
  it('holds one bucket a second of its window, however many events there are', () => {
    const clock = createClock(1_000_000);
    const recent = createRecentCount(60_000);
    recent.count(clock.now);
    let largest = 0;
    for (let step = 0; step < 200_000; step += 1) {
      clock.advance(7);
      recent.add();
      largest = Math.max(largest, recent.size);
    }
    expect(largest).toBeGreaterThan(50);
    expect(largest).toBeLessThanOrEqual(61);
    expect(recent.count(clock.now)).toBeGreaterThan(8_000);
  });

  it('keeps the age of events that came before it knew the clock', () => {
    const recent = createRecentCount(60_000);
    recent.add();
    const clock = createClock(5);
    expect(recent.count(clock.now)).toBe(1);
    clock.advance(60_000);
    expect(recent.count(clock.now)).toBe(0);
  });

  it('forgets events from the future of a clock that was set back', () => {
    const clock = createClock(1_000_000);
    const recent = createRecentCount(60_000);
    recent.count(clock.now);
    recent.add();
    clock.set(500_000);
    expect(recent.count(clock.now)).toBe(0);
    recent.add();
    expect(recent.count(clock.now)).toBe(1);
  });
});
