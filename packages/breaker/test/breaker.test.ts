import { createClock } from 'kit-tooling/clock';
import { describe, expect, it } from 'vitest';
import { type BreakerSettings, type StateChange, createBreaker, isBreakerOpenError } from '../src/index.js';
import { fail, openBreaker, pending, succeed } from './support.js';

const setUp = (settings: BreakerSettings = {}) => {
  const clock = createClock();
  const changes: StateChange[] = [];
  const breaker = createBreaker({
    name: 'order-service',
    now: clock.now,
    onStateChange: (change) => changes.push(change),
    ...settings,
  });
  return { breaker, clock, changes };
};

describe('createBreaker, closed', () => {
  it('passes values and rejections through', async () => {
    const { breaker } = setUp();
    expect(await breaker.run(() => 7)).toBe(7);
    expect(await breaker.run({}, async () => 'x')).toBe('x');
    expect(await breaker.run(undefined as never, () => 'y')).toBe('y');
    await expect(breaker.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(breaker.counts).toEqual({ requests: 4, successes: 3, failures: 1, ignored: 0, slow: 0 });
  });

  it('survives a function that throws, rejects with undefined or is none', async () => {
    const { breaker } = setUp();
    await expect(
      breaker.run(() => {
        throw new Error('sync');
      }),
    ).rejects.toThrow('sync');
    await expect(breaker.run(() => Promise.reject(undefined))).rejects.toBeUndefined();
    await expect(breaker.run(7 as never)).rejects.toThrow(TypeError);
    expect(breaker.counts.failures).toBe(2);
  });

  it('stays closed below minimumCalls and opens at the ratio exactly', async () => {
    const { breaker } = setUp();
    await fail(breaker, 4);
    expect(breaker.state).toBe('closed');
    await fail(breaker);
    expect(breaker.state).toBe('open');

    const { breaker: other } = setUp();
    await succeed(other, 2);
    await fail(other, 2);
    expect(other.state).toBe('closed');
    await fail(other);
    expect(other.state).toBe('open');
  });

  it('remembers each of two failures that are a sixtieth of the window apart for the whole window', async () => {
    const { breaker, clock } = setUp();
    await fail(breaker);
    clock.advance(1_000);
    await fail(breaker);
    clock.advance(59_000);
    expect(breaker.counts.failures).toBe(1);
    clock.advance(1_000);
    expect(breaker.counts.failures).toBe(0);
  });

  it('forgets a failure when it is windowMs old, to the millisecond', async () => {
    const { breaker, clock } = setUp();
    await fail(breaker, 4);
    clock.advance(59_999);
    expect(breaker.counts.failures).toBe(4);
    clock.advance(1);
    expect(breaker.counts).toEqual({ requests: 0, successes: 0, failures: 0, ignored: 0, slow: 0 });
    await fail(breaker);
    expect(breaker.state).toBe('closed');
  });

  it('does not open on one failure every 30 s (cockatiel’s SamplingBreaker does)', async () => {
    const { breaker, clock } = setUp();
    for (let i = 0; i < 50; i++) {
      await fail(breaker);
      clock.advance(30_000);
    }
    expect(breaker.state).toBe('closed');
  });

  it('does not count ignored outcomes', async () => {
    const { breaker } = setUp({ classify: (o) => (o.status === 'rejected' ? 'ignore' : 'success') });
    await fail(breaker, 20);
    expect(breaker.state).toBe('closed');
    expect(breaker.counts.ignored).toBe(20);
  });

  it('takes a value for a failure when classify says so', async () => {
    const { breaker } = setUp({ classify: (o) => (o.status === 'fulfilled' ? 'failure' : 'success') });
    await succeed(breaker, 5);
    expect(breaker.state).toBe('open');
  });

  it('counts a call that outlasts the window where it ends', async () => {
    const { breaker, clock } = setUp({ minimumCalls: 1 });
    const call = pending(breaker);
    clock.advance(70_000);
    await call.reject();
    expect(breaker.state).toBe('open');
  });

  it('asks readyToTrip in place of the ratio', async () => {
    const { breaker } = setUp({ readyToTrip: (counts) => counts.failures >= 2 });
    await fail(breaker);
    expect(breaker.state).toBe('closed');
    await fail(breaker);
    expect(breaker.state).toBe('open');
  });

  it('asks readyToTrip also when nothing has failed', async () => {
    const { breaker } = setUp({ readyToTrip: ({ successes }) => successes >= 2 });
    await succeed(breaker, 2);
    expect(breaker.state).toBe('open');
  });

  it('opens on a success that completes minimumCalls', async () => {
    const { breaker } = setUp();
    await fail(breaker, 4);
    await succeed(breaker);
    expect(breaker.state).toBe('open');
  });

  it('counts no slow call among the ignored ones', async () => {
    const { breaker, clock } = setUp({ slowCallMs: 1_000, classify: () => 'ignore' });
    await breaker.run(() => clock.advance(1_000));
    expect(breaker.counts).toMatchObject({ ignored: 1, slow: 0 });
  });

  it('gives a signal to what cockatiel executes: the caller’s, or one that never aborts', async () => {
    const { breaker } = setUp();
    expect(await breaker.execute(({ signal }) => signal.aborted)).toBe(false);
    const { signal: own } = new AbortController();
    expect(await breaker.execute(({ signal }) => signal, own)).toBe(own);
  });

  it('bears slow calls below their ratio', async () => {
    const { breaker, clock } = setUp({ slowCallMs: 1_000, slowCallRatio: 0.5 });
    for (const ms of [1_000, 1_000, 0, 0, 0]) await breaker.run(() => clock.advance(ms));
    expect(breaker.counts).toMatchObject({ requests: 5, slow: 2 });
    expect(breaker.state).toBe('closed');
  });

  it('opens on slow calls, although they succeed', async () => {
    const { breaker, clock, changes } = setUp({ slowCallMs: 1_000, slowCallRatio: 0.5 });
    for (let i = 0; i < 5; i++) {
      const call = pending(breaker);
      if (i % 2 === 0) clock.advance(1_000);
      await call.resolve();
    }
    expect(breaker.state).toBe('open');
    expect(changes[0]).toMatchObject({ reason: 'slow-call-ratio', counts: { slow: 3, successes: 5 } });
  });

  it('does not call the function when the caller has aborted, and does not count that', async () => {
    const { breaker } = setUp();
    let calls = 0;
    const reason = new Error('gone');
    await expect(breaker.run({ signal: AbortSignal.abort(reason) }, () => (calls += 1))).rejects.toBe(reason);
    expect([calls, breaker.counts.requests]).toEqual([0, 0]);
  });

  it('takes the failure of a call that the caller aborted as neutral', async () => {
    const { breaker } = setUp({ minimumCalls: 1 });
    const caller = new AbortController();
    const run = breaker.run(
      { signal: caller.signal },
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    caller.abort();
    await expect(run).rejects.toThrow('aborted');
    expect(breaker.state).toBe('closed');
    expect(breaker.counts.ignored).toBe(1);
  });

  it('gives every function a signal of its own', async () => {
    const { breaker } = setUp();
    const first = await breaker.run(({ signal }) => signal);
    const second = await breaker.run(({ signal }) => signal);
    expect(first).toBeInstanceOf(AbortSignal);
    expect(first).not.toBe(second);
  });
});

describe('createBreaker, open', () => {
  it('rejects without calling, and says for how long and why', async () => {
    const { breaker, clock } = setUp();
    const cause = new Error('ECONNREFUSED');
    await fail(breaker, 5, cause);
    clock.advance(10_000);
    const error = await breaker.run(() => 1).catch((e: unknown) => e);
    expect(isBreakerOpenError(error)).toBe(true);
    expect(error).toMatchObject({
      name: 'BreakerOpenError',
      code: 'KIT_BREAKER_OPEN',
      breaker: 'order-service',
      reason: 'open',
      retryAfterMs: 20_000,
      cause,
      message: 'Breaker "order-service" is open; retry in 20000 ms',
    });
    expect(breaker.retryAfterMs).toBe(20_000);
    expect(breaker.counts.requests).toBe(0);
  });

  it('drops and counts a result that started before it opened', async () => {
    const { breaker } = setUp();
    const late = pending(breaker);
    await fail(breaker, 5);
    await late.resolve();
    expect(breaker.state).toBe('open');
    expect([breaker.stale, breaker.counts.successes]).toEqual([1, 0]);
  });

  it('is half-open as soon as openMs have elapsed', async () => {
    const { breaker, clock, changes } = setUp();
    await openBreaker(breaker);
    clock.advance(29_999);
    expect(breaker.state).toBe('open');
    clock.advance(1);
    expect(breaker.state).toBe('half-open');
    expect(changes.map((c) => [c.from, c.to, c.reason])).toEqual([
      ['closed', 'open', 'failure-ratio'],
      ['open', 'half-open', 'open-elapsed'],
    ]);
  });

  it('does not wait for a clock that jumped back', async () => {
    const { breaker, clock } = setUp();
    clock.set(7_200_000);
    await openBreaker(breaker);
    clock.advance(-3_600_000);
    await expect(breaker.run(() => 1)).rejects.toThrow('is open');
    clock.advance(30_000);
    expect(breaker.state).toBe('half-open');
  });

  it('stays closed below failureRatio, however many calls there are', async () => {
    const { breaker } = setUp({ minimumCalls: 5, failureRatio: 0.6 });
    await succeed(breaker, 8);
    await fail(breaker, 11);
    expect(breaker.state).toBe('closed');
    await fail(breaker);
    expect(breaker.state).toBe('open');
  });

  it('leaves ignored calls out of the count and of the ratio', async () => {
    const { breaker } = setUp({
      minimumCalls: 3,
      failureRatio: 1,
      classify: (o) => (o.status === 'rejected' && o.reason === 'skip' ? 'ignore' : 'failure'),
    });
    await fail(breaker, 3, 'skip');
    await fail(breaker, 2);
    expect(breaker.state).toBe('closed');
    await fail(breaker);
    expect(breaker.state).toBe('open');
  });

  it('opens when exactly slowCallRatio of the calls were slow', async () => {
    const { breaker, clock } = setUp({ minimumCalls: 2, slowCallMs: 100, slowCallRatio: 0.5 });
    const slow = pending(breaker);
    clock.advance(100);
    await slow.resolve();
    await succeed(breaker);
    expect(breaker.state).toBe('open');
  });

  it('carries the last failure as cause, also when a success completed the count', async () => {
    const { breaker } = setUp({ slowCallMs: 1_000_000, minimumCalls: 3, failureRatio: 0.5 });
    const last = new Error('the last failure');
    await fail(breaker);
    await fail(breaker, 1, last);
    await succeed(breaker);
    await expect(breaker.run(() => 1)).rejects.toMatchObject({ reason: 'open', cause: last });
  });

  it('carries a stack trace when that is turned on', async () => {
    const { breaker } = setUp({ captureStack: true });
    await openBreaker(breaker);
    const error = (await breaker.run(() => 1).catch((e: unknown) => e)) as Error;
    expect(error.stack).toContain('    at ');
  });

  it('carries no stack trace when that is turned off', async () => {
    const { breaker } = setUp({ captureStack: false });
    await openBreaker(breaker);
    const error = (await breaker.run(() => 1).catch((e: unknown) => e)) as Error;
    expect(error.stack).not.toContain('    at ');
    expect(new Error('others keep theirs').stack).toContain('    at ');
  });
});

describe('createBreaker, by hand', () => {
  it('rejects everything while isolated, however long', async () => {
    const { breaker, clock } = setUp();
    breaker.isolate();
    clock.advance(1e9);
    expect([breaker.state, breaker.isolated]).toEqual(['open', true]);
    await expect(breaker.run(() => 1)).rejects.toMatchObject({ reason: 'isolated', retryAfterMs: 30_000 });
    breaker.reset();
    expect([breaker.state, breaker.isolated]).toEqual(['closed', false]);
    expect(await breaker.run(() => 1)).toBe(1);
  });

  it('opens early on trip, and only when closed', async () => {
    const { breaker, changes } = setUp();
    breaker.trip();
    breaker.trip();
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatchObject({ to: 'open', reason: 'quorum' });
  });

  it('is plain data as JSON', () => {
    const { breaker } = setUp();
    expect(JSON.parse(JSON.stringify(breaker))).toEqual({
      name: 'order-service',
      state: 'closed',
      isolated: false,
      counts: { requests: 0, successes: 0, failures: 0, ignored: 0, slow: 0 },
      stale: 0,
      retryAfterMs: 0,
    });
  });
});
