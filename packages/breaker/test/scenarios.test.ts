import { createClock } from 'kit-tooling/clock';
import { describe, expect, it } from 'vitest';
import { type BreakerCounts, type BreakerSettings, createBreaker } from '../src/index.js';
import { fail, pending, succeed } from './support.js';

const setUp = (settings: BreakerSettings) => {
  const clock = createClock();
  const changes: string[] = [];
  const breaker = createBreaker({
    name: 'cb',
    now: clock.now,
    onStateChange: ({ from, to }) => changes.push(`${from} -> ${to}`),
    ...settings,
  });
  return { breaker, clock, changes };
};

describe('gobreaker’s scenario: 3 trials, interval 30 s, timeout 90 s, 60 % of at least 3', () => {
  const settings: BreakerSettings = {
    halfOpenMaxCalls: 3,
    windowMs: 30_000,
    openMs: 90_000,
    readyToTrip: ({ requests, failures }: BreakerCounts) => requests >= 3 && failures / requests >= 0.6,
  };

  it('goes the whole way round', async () => {
    const { breaker, clock, changes } = setUp(settings);
    for (let i = 0; i < 5; i++) {
      await succeed(breaker);
      await fail(breaker);
    }
    expect(breaker.state).toBe('closed');
    expect(breaker.counts).toMatchObject({ requests: 10, successes: 5, failures: 5 });

    clock.advance(29_000);
    await succeed(breaker);
    expect(breaker.counts).toMatchObject({ requests: 11, successes: 6, failures: 5 });

    clock.advance(1_000);
    await fail(breaker);
    expect(breaker.state).toBe('closed');
    expect(breaker.counts).toMatchObject({ requests: 2, successes: 1, failures: 1 });

    await fail(breaker);
    expect(breaker.state).toBe('open');
    expect(breaker.counts.requests).toBe(0);

    clock.advance(89_000);
    await expect(breaker.run(() => 1)).rejects.toMatchObject({ reason: 'open' });
    clock.advance(1_000);
    expect(breaker.state).toBe('half-open');

    const trials = [pending(breaker), pending(breaker), pending(breaker)];
    expect(breaker.counts).toMatchObject({ requests: 3, successes: 0 });
    await expect(breaker.run(() => 1)).rejects.toMatchObject({ reason: 'half-open-full' });
    for (const trial of trials) await trial.resolve();
    expect(breaker.state).toBe('closed');
    expect(breaker.counts.requests).toBe(0);
    expect(changes).toEqual(['closed -> open', 'open -> half-open', 'half-open -> closed']);
  });

  it('drops a result of an older generation', async () => {
    const { breaker, clock } = setUp(settings);
    const late = pending(breaker);
    await fail(breaker, 3);
    clock.advance(90_000);
    await succeed(breaker, 3);
    expect(breaker.state).toBe('closed');
    await late.reject();
    expect(breaker.counts).toMatchObject({ requests: 0, failures: 0 });
    expect(breaker.stale).toBe(1);
  });
});

describe('resilience4j’s scenario: 50 %, 5 calls, 4 trials', () => {
  const settings: BreakerSettings = {
    failureRatio: 0.5,
    minimumCalls: 5,
    halfOpenMaxCalls: 4,
    openMs: 5_000,
    slowCallMs: 5_000,
    slowCallRatio: 0.5,
  };

  it('opens at the fifth call, although that one succeeds', async () => {
    const { breaker } = setUp(settings);
    await fail(breaker, 3);
    await succeed(breaker);
    expect(breaker.state).toBe('closed');
    await succeed(breaker);
    expect(breaker.state).toBe('open');
  });

  it('opens when three of five calls are slow', async () => {
    const { breaker, clock } = setUp(settings);
    for (const durationMs of [10, 6_000, 20, 5_000, 7_000]) {
      const call = pending(breaker);
      clock.advance(durationMs);
      await call.resolve();
    }
    expect(breaker.state).toBe('open');
  });

  it('closes after four good trials and re-opens after a bad one', async () => {
    const { breaker, clock } = setUp(settings);
    await fail(breaker, 5);
    clock.advance(5_000);
    await succeed(breaker, 3);
    await fail(breaker);
    expect(breaker.state).toBe('open');
    clock.advance(5_000);
    await succeed(breaker, 4);
    expect(breaker.state).toBe('closed');
  });
});
