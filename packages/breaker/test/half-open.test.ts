import type { IBackoff } from 'cockatiel';
import { createClock } from 'kit-tooling/clock';
import { describe, expect, it } from 'vitest';
import { type Backoff, type BreakerSettings, createBreaker } from '../src/index.js';
import { fail, openBreaker, pending, succeed } from './support.js';

const halfOpen = async (settings: BreakerSettings = {}) => {
  const clock = createClock();
  const changes: string[] = [];
  const breaker = createBreaker({
    name: 'order-service',
    now: clock.now,
    onStateChange: ({ from, to }) => changes.push(`${from} -> ${to}`),
    ...settings,
  });
  await openBreaker(breaker);
  clock.advance(30_000);
  return { breaker, clock, changes };
};

function doubling(firstMs: number): Backoff {
  const step = (duration: number): IBackoff<unknown> => ({ duration, next: () => step(2 * duration) });
  return { next: () => step(firstMs) };
}

describe('createBreaker, half-open', () => {
  it('rejects the fourth trial at once while three run', async () => {
    const { breaker } = await halfOpen();
    const trials = [pending(breaker), pending(breaker), pending(breaker)];
    expect(breaker.counts).toMatchObject({ requests: 3, successes: 0 });
    await expect(breaker.run(() => 1)).rejects.toMatchObject({
      reason: 'half-open-full',
      retryAfterMs: 30_000,
    });
    for (const trial of trials) await trial.resolve();
    expect(breaker.state).toBe('closed');
  });

  it('rejects when a running and two succeeded trials take the places', async () => {
    const { breaker } = await halfOpen();
    await succeed(breaker, 2);
    const running = pending(breaker);
    await expect(breaker.run(() => 1)).rejects.toMatchObject({ reason: 'half-open-full' });
    await running.resolve();
    expect(breaker.state).toBe('closed');
  });

  it('re-opens on one failure and drops what the other trials bring', async () => {
    const { breaker, changes } = await halfOpen();
    const other = pending(breaker);
    await fail(breaker);
    expect(breaker.state).toBe('open');
    await other.resolve();
    expect([breaker.stale, breaker.state]).toEqual([1, 'open']);
    expect(changes).toEqual(['closed -> open', 'open -> half-open', 'half-open -> open']);
  });

  it('takes an ignored outcome as neutral and frees its place', async () => {
    const { breaker } = await halfOpen({
      classify: (o) => (o.status === 'fulfilled' ? 'success' : o.reason === 'skip' ? 'ignore' : 'failure'),
    });
    for (let i = 0; i < 10; i++) await fail(breaker, 1, 'skip');
    expect([breaker.state, breaker.counts.ignored]).toEqual(['half-open', 10]);
    await succeed(breaker, 3);
    expect(breaker.state).toBe('closed');
  });

  it('frees the place of a trial that never settles after halfOpenMaxWaitMs', async () => {
    const { breaker, clock } = await halfOpen({ halfOpenMaxWaitMs: 5_000 });
    const stuck = [pending(breaker), pending(breaker), pending(breaker)];
    clock.advance(4_999);
    await expect(breaker.run(() => 1)).rejects.toMatchObject({ retryAfterMs: 1 });
    clock.advance(1);
    await succeed(breaker);
    // The late failure of a freed place is stale: the breaker is judged by the trials that came after.
    await stuck[0]!.reject();
    expect([breaker.state, breaker.stale]).toEqual(['half-open', 1]);
    await succeed(breaker, 2);
    expect(breaker.state).toBe('closed');
  });

  it('drops the late failure of a freed place also when no other call came', async () => {
    const { breaker, clock } = await halfOpen({ halfOpenMaxWaitMs: 5_000 });
    const stuck = pending(breaker);
    clock.advance(5_000);
    await stuck.reject();
    expect([breaker.state, breaker.stale]).toEqual(['half-open', 1]);
  });

  it('takes a slow trial for a failure', async () => {
    const { breaker, clock } = await halfOpen({ slowCallMs: 1_000 });
    const slow = pending(breaker);
    clock.advance(1_000);
    await slow.resolve();
    expect(breaker.state).toBe('open');
  });

  it('frees the place of a trial whose caller hangs up', async () => {
    const { breaker } = await halfOpen({ halfOpenMaxCalls: 1 });
    const caller = new AbortController();
    const hung = breaker.run(
      { signal: caller.signal },
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    caller.abort();
    await hung.catch(() => {});
    expect(breaker.state).toBe('half-open');
    await succeed(breaker);
    expect(breaker.state).toBe('closed');
  });

  it('has all its places again the next time, whatever still hangs from the last', async () => {
    const { breaker, clock } = await halfOpen({ halfOpenMaxCalls: 1, openMs: 1_000 });
    const hanging = pending(breaker);
    breaker.reset();
    await openBreaker(breaker);
    clock.advance(1_000);
    expect(await breaker.run(() => 'admitted')).toBe('admitted');
    await hanging.reject();
    expect([breaker.state, breaker.stale]).toEqual(['closed', 1]);
  });

  it('opens for longer each time when openMs is a backoff', async () => {
    const clock = createClock();
    const breaker = createBreaker({
      name: 'x',
      now: clock.now,
      openMs: doubling(1_000),
      halfOpenMaxCalls: 1,
    });
    await openBreaker(breaker);
    const waits = [breaker.retryAfterMs];
    for (let i = 0; i < 2; i++) {
      clock.advance(breaker.retryAfterMs);
      await fail(breaker);
      waits.push(breaker.retryAfterMs);
    }
    clock.advance(breaker.retryAfterMs);
    await succeed(breaker);
    await openBreaker(breaker);
    expect([...waits, breaker.retryAfterMs]).toEqual([1_000, 2_000, 4_000, 1_000]);
  });
});

describe('createBreaker with a backoff for openMs', () => {
  it('tells the backoff how often it has opened since it was closed, and by what', async () => {
    const seen: unknown[] = [];
    const openMs: Backoff = {
      next: (context) => {
        seen.push([context.attempt, (context.result as { error: Error }).error.message]);
        return { duration: 1_000, next: openMs.next };
      },
    };
    const { breaker, clock } = await halfOpen({ openMs, halfOpenMaxCalls: 1 });
    await fail(breaker, 1, new Error('again'));
    clock.advance(1_000);
    await succeed(breaker);
    await openBreaker(breaker);
    expect(seen).toEqual([
      [1, 'failed'],
      [2, 'again'],
      [1, 'failed'],
    ]);
  });

  it('begins with the first wait after a reset', async () => {
    const { breaker, clock } = await halfOpen({ openMs: doubling(1_000) });
    await fail(breaker);
    expect(breaker.retryAfterMs).toBe(2_000);
    breaker.reset();
    expect(breaker.retryAfterMs).toBe(0);
    await openBreaker(breaker);
    expect(breaker.retryAfterMs).toBe(1_000);
    clock.advance(1_000);
    expect(breaker.retryAfterMs).toBe(0);
  });

  it('may be half-open at once, and takes a negative time for none', async () => {
    const openMs = (duration: number): Backoff => ({
      next: () => ({ duration, next: openMs(duration).next }),
    });
    const atOnce = createBreaker({ name: 'x', openMs: openMs(0) });
    await openBreaker(atOnce);
    expect(atOnce.state).toBe('half-open');
    const usual = createBreaker({ name: 'x', now: () => 0, openMs: openMs(-1) });
    await openBreaker(usual);
    expect(usual.retryAfterMs).toBe(30_000);
  });

  it('names the usual time while a person holds it open', () => {
    const held = (settings: BreakerSettings) => {
      const breaker = createBreaker({ name: 'x', ...settings });
      breaker.isolate();
      return breaker.retryAfterMs;
    };
    expect([held({ openMs: 7_000 }), held({ openMs: doubling(1_000) })]).toEqual([7_000, 30_000]);
  });
});

describe('createBreaker, ramping', () => {
  it('admits 10 % to 100 % after closing', async () => {
    const { breaker, clock } = await halfOpen({ rampMs: 10_000 });
    await succeed(breaker, 3);
    const admittedOf100 = async () => {
      let admitted = 0;
      for (let i = 0; i < 100; i++) await breaker.run(() => (admitted += 1)).catch(() => {});
      return admitted;
    };
    expect(await admittedOf100()).toBe(10);
    await breaker.run(() => 'one of ten');
    const error: unknown = await breaker.run(() => 1).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'KIT_BREAKER_OPEN', reason: 'ramping', retryAfterMs: 10_000 });
    clock.advance(5_000);
    expect(await admittedOf100()).toBeCloseTo(55, -1);
    clock.advance(5_000);
    expect(await admittedOf100()).toBe(100);
  });

  it('does not ramp after a reset by hand', async () => {
    const { breaker } = await halfOpen({ rampMs: 10_000 });
    breaker.reset();
    await succeed(breaker, 20);
    expect(breaker.counts.successes).toBe(20);
  });

  it('ends its ramp when it is reset by hand', async () => {
    const { breaker } = await halfOpen({ rampMs: 10_000 });
    await succeed(breaker, 3);
    await expect(succeed(breaker, 2)).rejects.toMatchObject({ reason: 'ramping' });
    breaker.reset();
    await succeed(breaker, 20);
    expect(breaker.counts.successes).toBe(20);
  });

  it('lets the first call after closing through, and says when the ramp ends', async () => {
    const { breaker, clock } = await halfOpen({ rampMs: 10_000 });
    await succeed(breaker, 3);
    clock.advance(4_000);
    await succeed(breaker);
    await succeed(breaker).catch(() => {});
    await expect(succeed(breaker, 3)).rejects.toMatchObject({ reason: 'ramping', retryAfterMs: 6_000 });
  });
});
