import { createClock } from 'kit-tooling/clock';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  createBreaker,
  createTimeout,
  getRemainingMs,
  isDeadlineExceededError,
  isTimeoutError,
  runWithDeadline,
} from '../src/index.js';

const never = () => new Promise<never>(() => {});
const caught = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

describe('createTimeout', () => {
  it('tells the time that a call would have', () => {
    expect(createTimeout({ timeoutMs: 25 }).timeoutMs()).toBe(25);
  });

  it('passes what is in time', async () => {
    const timeout = createTimeout({ timeoutMs: 1_000 });
    expect(await timeout.run(() => 1)).toBe(1);
    expect(await timeout.run(async () => 2)).toBe(2);
    await expect(timeout.run(() => Promise.reject(undefined))).rejects.toBeUndefined();
    await expect(
      timeout.run(() => {
        throw new Error('sync');
      }),
    ).rejects.toThrow('sync');
  });

  it('rejects when the function is deaf to its signal', async () => {
    const error = await caught(createTimeout({ timeoutMs: 30, name: 'orders' }).run(never));
    expect(isTimeoutError(error)).toBe(true);
    expect(error).toMatchObject({
      name: 'TimeoutError',
      code: 'KIT_TIMEOUT',
      timeoutMs: 30,
      message: '"orders" did not finish within 30 ms; it was given up',
    });
  });

  it('aborts the signal with the error, also for who asks for the signal late', async () => {
    const signals: AbortSignal[] = [];
    const timeout = createTimeout({ timeoutMs: 30 });
    const early = await caught(
      timeout.run(({ signal }) => {
        signals.push(signal);
        return never();
      }),
    );
    expect([signals[0]!.aborted, signals[0]!.reason]).toEqual([true, early]);
    let late: (() => AbortSignal) | undefined;
    const error = await caught(
      timeout.run((context) => {
        late = () => context.signal;
        return never();
      }),
    );
    expect(late!().reason).toBe(error);
  });

  it('never aborts a sibling, nor a call that is done', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const timeout = createTimeout({ timeoutMs: 40 });
    const done = await timeout.run(({ signal }) => signal);
    const slow = caught(timeout.run(never));
    await vi.advanceTimersByTimeAsync(20);
    const sibling = timeout.run(async ({ signal }) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return signal;
    });
    await vi.advanceTimersByTimeAsync(20);
    expect(isTimeoutError(await slow)).toBe(true);
    await vi.advanceTimersByTimeAsync(60);
    expect([done.aborted, (await sibling).aborted]).toEqual([false, false]);
  });

  it('ends many calls with one timer, each in its turn', async () => {
    const timeout = createTimeout({ timeoutMs: 60 });
    const ended: number[] = [];
    const runs = [0, 1, 2].map(async (n) => {
      await new Promise((resolve) => setTimeout(resolve, n * 15));
      await caught(timeout.run(never));
      ended.push(n);
    });
    const kept = timeout.run(() => new Promise((resolve) => setTimeout(resolve, 20, 'kept')));
    expect(await kept).toBe('kept');
    await Promise.all(runs);
    expect(ended).toEqual([0, 1, 2]);
  });

  it('passes the caller’s abort on, at once and afterwards', async () => {
    const timeout = createTimeout({ timeoutMs: 10_000 });
    const caller = new AbortController();
    const deaf = timeout.run({ signal: caller.signal }, never);
    const signal = await timeout.run({ signal: caller.signal }, (context) => context.signal);
    caller.abort(new Error('gone'));
    await expect(deaf).rejects.toThrow('gone');
    // A body that is read after the call still ends when its caller goes.
    expect(signal.aborted).toBe(true);
    await expect(timeout.run({ signal: caller.signal }, () => 1)).rejects.toThrow('gone');
  });
});

describe('an adaptive timeout', () => {
  it('learns from a call that it gave up, and from no other failure', async () => {
    const adaptive = { minMs: 5, maxMs: 10_000, quantile: 1, factor: 2 };
    const timeout = createTimeout({ adaptive, now: () => 0 });
    for (let call = 0; call < 20; call += 1) await timeout.run(() => 'quick');
    expect(timeout.timeoutMs()).toBe(5);
    await timeout.run(() => Promise.reject(new Error('refused'))).catch(() => {});
    expect(timeout.timeoutMs()).toBe(5);
    await timeout.run(() => new Promise(() => {})).catch(() => {});
    expect(timeout.timeoutMs()).toBe(20);
  });

  const lognormal = (seed: number) => {
    let state = seed;
    const uniform = () => {
      state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
      return (state + 1) / 4_294_967_297;
    };
    return (medianMs: number) =>
      medianMs * Math.exp(0.4 * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
  };

  /** Calls in simulated time: each takes as long as drawn, or is given up at the timeout. */
  async function simulate(timeout: ReturnType<typeof createTimeout>, clock: ReturnType<typeof createClock>) {
    const draw = lognormal(7);
    return async (calls: number, medianMs: number) => {
      let timeouts = 0;
      for (let i = 0; i < calls; i++) {
        const durationMs = draw(medianMs);
        const limitMs = timeout.timeoutMs();
        if (durationMs < limitMs) await timeout.run(() => clock.advance(durationMs));
        else {
          timeouts += 1;
          await caught(timeout.run(never));
        }
      }
      return timeouts;
    };
  }

  it('uses maxMs until it has 20 samples', async () => {
    const clock = createClock();
    const timeout = createTimeout({ adaptive: { minMs: 10, maxMs: 5_000 }, now: clock.now });
    for (let i = 0; i < 19; i++) await timeout.run(() => clock.advance(100));
    expect(timeout.timeoutMs()).toBe(5_000);
    await timeout.run(() => clock.advance(100));
    expect(timeout.timeoutMs()).toBe(200);
  });

  it('waits for 20 samples also when it keeps fewer', async () => {
    const clock = createClock();
    const adaptive = { minMs: 10, maxMs: 5_000, samples: 5 };
    const timeout = createTimeout({ adaptive, now: clock.now });
    for (let i = 0; i < 19; i++) await timeout.run(() => clock.advance(100));
    expect(timeout.timeoutMs()).toBe(5_000);
    for (let i = 0; i < 5; i++) await timeout.run(() => clock.advance(50));
    expect(timeout.timeoutMs()).toBe(100);
  });

  it('is clamped, and learns for each key', async () => {
    const clock = createClock();
    const timeout = createTimeout({ adaptive: { minMs: 50, maxMs: 400 }, now: clock.now });
    for (let i = 0; i < 20; i++) {
      await timeout.run({ key: 'GET /quick' }, () => clock.advance(1));
      await timeout.run({ key: 'GET /slow' }, () => clock.advance(300));
    }
    expect(['GET /quick', 'GET /slow', 'other'].map((key) => timeout.timeoutMs(key))).toEqual([50, 400, 400]);
  });

  it('takes a call that was given up for twice as long as its timeout', async () => {
    const timeout = createTimeout({ adaptive: { quantile: 1, factor: 1, minMs: 1, maxMs: 20 } });
    const hung = Array.from({ length: 20 }, () => timeout.run(() => new Promise(() => {})).catch(() => {}));
    await Promise.all(hung);
    await timeout.run(() => 'quick');
    expect(timeout.timeoutMs()).toBe(20);
  });

  it('keeps the thousand keys that were used last, and may have one bound only', async () => {
    const clock = createClock();
    const timeout = createTimeout({ adaptive: { minMs: 50, maxMs: 400 }, now: clock.now });
    const call = (key: string) => timeout.run({ key }, () => clock.advance(1));
    for (let i = 0; i < 20; i++) for (const key of ['used', 'unused']) await call(key);
    for (let i = 0; i < 998; i++) await call(`other ${i}`);
    expect([timeout.timeoutMs('used'), timeout.timeoutMs('unused')]).toEqual([50, 50]);
    await call('used');
    await call('one more');
    expect([timeout.timeoutMs('used'), timeout.timeoutMs('unused')]).toEqual([50, 400]);
    expect(createTimeout({ adaptive: { minMs: 5, maxMs: 5 } }).timeoutMs()).toBe(5);
  });

  it('gives up less than 0.1 % of calls when steady', async () => {
    const clock = createClock();
    const timeout = createTimeout({ adaptive: { minMs: 5, maxMs: 1_000 }, now: clock.now });
    const run = await simulate(timeout, clock);
    await run(100, 20);
    expect(await run(10_000, 20)).toBeLessThan(10);
    expect(timeout.timeoutMs()).toBeLessThan(200);
  });

  it('follows a fivefold step and comes back down', async () => {
    const clock = createClock();
    const timeout = createTimeout({ adaptive: { minMs: 1, maxMs: 200 }, now: clock.now });
    const run = await simulate(timeout, clock);
    await run(600, 4);
    const before = timeout.timeoutMs();
    const during = await run(600, 20);
    expect(during).toBeLessThan(60);
    expect(await run(1_000, 20)).toBeLessThan(5);
    expect(timeout.timeoutMs()).toBeGreaterThan(before);
    await run(1_100, 4);
    expect(timeout.timeoutMs()).toBeLessThan(before * 2);
  });
});

describe('runWithDeadline', () => {
  it('is absent by default, shortens, and never extends', async () => {
    expect(getRemainingMs()).toBeUndefined();
    await runWithDeadline(1_000, async () => {
      expect(getRemainingMs()).toBeGreaterThan(0);
      runWithDeadline(100, () => expect(getRemainingMs()).toBeLessThanOrEqual(100));
      runWithDeadline(60_000, () => expect(getRemainingMs()).toBeLessThanOrEqual(1_000));
      await Promise.resolve();
      expect(getRemainingMs()).toBeLessThanOrEqual(1_000);
    });
    expect(runWithDeadline(5, () => 'value')).toBe('value');
  });

  it('bounds a timeout that is longer, and says that it was the deadline', async () => {
    const error = await runWithDeadline(40, () => caught(createTimeout({ timeoutMs: 10_000 }).run(never)));
    expect(isDeadlineExceededError(error)).toBe(true);
    expect(error).toMatchObject({ code: 'KIT_DEADLINE_EXCEEDED', name: 'DeadlineExceededError' });
  });

  it('sends nothing with less than 5 ms left', async () => {
    let calls = 0;
    const error = await runWithDeadline(4, () =>
      caught(createTimeout({ timeoutMs: 50 }).run(() => (calls += 1))),
    );
    expect([calls, isDeadlineExceededError(error)]).toEqual([0, true]);
  });

  it('blames the partner for an attempt it cut short, not for one that was never made', async () => {
    const breaker = createBreaker({ name: 'order-service' });
    const timeout = createTimeout({ timeoutMs: 10_000 });
    const call = () => caught(breaker.run(() => timeout.run(never)));
    await runWithDeadline(0, call);
    expect(breaker.counts).toMatchObject({ failures: 0, ignored: 1 });
    await runWithDeadline(300, call);
    expect(breaker.counts).toMatchObject({ failures: 1, ignored: 1 });
  });
});
