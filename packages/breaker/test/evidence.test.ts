import { createClock } from 'kit-tooling/clock';
import { describe, expect, it } from 'vitest';
import { type BreakerSettings, createBreaker } from '../src/index.js';
import { fail, succeed } from './support.js';

const NOTHING = { calls: 0, failing: false, minimumCalls: 0 };

const setUp = (settings: BreakerSettings = {}) => {
  const clock = createClock();
  const breaker = createBreaker({ name: 'order-service', now: clock.now, minimumCalls: 100, ...settings });
  /** Calls that take 1,000 ms each. */
  const linger = async (times: number) => {
    for (let i = 0; i < times; i++) await breaker.run(() => clock.advance(1_000));
  };
  return { breaker, clock, linger };
};

describe('the evidence a breaker brings to a vote among instances', () => {
  it('is nothing before the first call', () => {
    expect(setUp().breaker.evidence).toEqual({ calls: 0, failing: false, minimumCalls: 100 });
  });

  it('fails from the failure ratio on, however few the calls are', async () => {
    const { breaker } = setUp();
    await succeed(breaker, 2);
    await fail(breaker, 2);
    expect(breaker.evidence).toEqual({ calls: 4, failing: false, minimumCalls: 100 });
    await fail(breaker);
    expect(breaker.evidence).toEqual({ calls: 5, failing: true, minimumCalls: 100 });
  });

  it('counts no ignored call', async () => {
    const { breaker } = setUp({ classify: () => 'ignore' });
    await fail(breaker, 3);
    expect(breaker.evidence).toEqual({ calls: 0, failing: false, minimumCalls: 100 });
  });

  it('fails from the ratio of slow calls on', async () => {
    const { breaker, linger } = setUp({ slowCallMs: 1_000, slowCallRatio: 0.5 });
    await linger(1);
    await succeed(breaker, 2);
    expect(breaker.evidence).toMatchObject({ calls: 3, failing: false });
    await linger(1);
    expect(breaker.evidence).toMatchObject({ calls: 4, failing: true });
  });

  it('is what readyToTrip says, once there was a call', async () => {
    const { breaker } = setUp({ readyToTrip: ({ failures }) => failures !== 1 });
    expect(breaker.evidence).toMatchObject({ calls: 0, failing: false });
    await fail(breaker);
    expect(breaker.evidence).toMatchObject({ calls: 1, failing: false });
  });

  it('leaves out what has left the window', async () => {
    const { breaker, clock } = setUp();
    await fail(breaker, 3);
    clock.advance(60_000);
    expect(breaker.evidence).toMatchObject({ calls: 0, failing: false });
  });

  it('is the window that opened it while it is open, and nothing when others opened it', async () => {
    const { breaker } = setUp({ minimumCalls: 3 });
    await fail(breaker, 3);
    expect(breaker.state).toBe('open');
    expect(breaker.evidence).toEqual({ calls: 3, failing: true, minimumCalls: 3 });

    const tripped = setUp().breaker;
    await fail(tripped);
    tripped.trip();
    expect(tripped.state).toBe('open');
    expect(tripped.evidence).toEqual(NOTHING);

    const isolated = setUp().breaker;
    await fail(isolated);
    isolated.isolate();
    expect(isolated.evidence).toEqual(NOTHING);
  });

  it('opens a closed breaker only: a vote does not disturb trials', async () => {
    const { breaker, clock } = setUp({ minimumCalls: 3 });
    await fail(breaker, 3);
    clock.advance(30_000);
    expect(breaker.state).toBe('half-open');
    breaker.trip();
    expect(breaker.state).toBe('half-open');
  });
});
