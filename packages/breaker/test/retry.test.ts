import { recordChannels } from 'kit-tooling/channels';
import { describe, expect, it } from 'vitest';
import {
  BreakerOpenError,
  createRetry,
  createRetryBudget,
  fullJitter,
  runWithDeadline,
  TimeoutError,
} from '../src/index.js';

const quick = fullJitter({ baseMs: 1, maxMs: 1, random: () => 0 });
const endless = { next: () => ({ duration: 1e9, next: () => endless.next() }) };

const failing = (times = Number.POSITIVE_INFINITY, error: unknown = new Error('down')) => {
  const fn = async () => {
    fn.calls += 1;
    if (fn.calls <= times) throw error;
    return fn.calls;
  };
  fn.calls = 0;
  return fn;
};

describe('createRetry', () => {
  it('makes maxAttempts calls in all and rejects with the last error', async () => {
    const fn = failing();
    await expect(createRetry({ backoff: quick }).run(fn)).rejects.toThrow('down');
    expect(fn.calls).toBe(3);
    const once = failing();
    await createRetry({ maxAttempts: 1 })
      .run(once)
      .catch(() => {});
    expect(once.calls).toBe(1);
  });

  it('resolves as soon as an attempt succeeds and tells the function its number', async () => {
    const attempts: number[] = [];
    const value = await createRetry({ backoff: quick }).run(({ attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error('sync');
      return 'done';
    });
    expect([value, attempts]).toEqual(['done', [1, 2, 3]]);
  });

  it('ends at once when aborted while it waits, and does not call again', async () => {
    const fn = failing();
    const caller = new AbortController();
    const run = createRetry({ backoff: endless }).run({ signal: caller.signal }, fn);
    setTimeout(() => caller.abort(new Error('gone')), 20);
    await expect(run).rejects.toThrow('gone');
    expect(fn.calls).toBe(1);
  });

  it('ends at once when aborted while a call runs that is deaf to it', async () => {
    const caller = new AbortController();
    const run = createRetry().run({ signal: caller.signal }, () => new Promise(() => {}));
    caller.abort(new Error('gone'));
    await expect(run).rejects.toThrow('gone');
  });

  it('does not call at all when aborted before', async () => {
    const fn = failing();
    await expect(createRetry().run({ signal: AbortSignal.abort(new Error('gone')) }, fn)).rejects.toThrow(
      'gone',
    );
    expect(fn.calls).toBe(0);
  });

  it('never retries an open breaker, whatever retryOn says', async () => {
    for (const error of [
      new BreakerOpenError('x', 'open', 10),
      Object.assign(new Error('cockatiel'), { isBrokenCircuitError: true }),
    ]) {
      const fn = failing(Number.POSITIVE_INFINITY, error);
      await expect(createRetry({ backoff: quick, retryOn: () => true }).run(fn)).rejects.toBe(error);
      expect(fn.calls).toBe(1);
    }
  });

  it('keeps the call’s own error and goes on with the usual waits when the backoff throws or names no time', async () => {
    const thrower = {
      next: () => {
        throw new Error('bug');
      },
    };
    const timeless = { next: () => ({ duration: Number.NaN, next: () => timeless.next() }) };
    for (const backoff of [thrower, timeless]) {
      const fn = failing();
      await expect(createRetry({ backoff }).run(fn)).rejects.toThrow('down');
      expect(fn.calls).toBe(3);
    }
  });

  it('retries only what retryOn wants; a retryOn that throws wants nothing', async () => {
    const fn = failing();
    await createRetry({ backoff: quick, retryOn: (_, { attempt }) => attempt < 2 })
      .run(fn)
      .catch(() => {});
    expect(fn.calls).toBe(2);
    const other = failing();
    const retryOn = () => {
      throw new Error('bug');
    };
    await expect(createRetry({ backoff: quick, retryOn }).run(other)).rejects.toThrow('down');
    expect(other.calls).toBe(1);
  });

  it('waits as long as the error asks, and gives up when that is longer than maxRetryAfterMs', async () => {
    const recorded = recordChannels('kit:breaker:retried');
    const polite = failing(1, Object.assign(new Error('429'), { retryAfterMs: 30 }));
    await createRetry({ name: 'sms', backoff: quick }).run(polite);
    recorded.stop();
    expect(recorded.events.map((e) => e.payload)).toEqual([{ name: 'sms', attempt: 2, delayMs: 30 }]);

    const tooLong = failing(1, Object.assign(new Error('429'), { retryAfterMs: 61_000 }));
    await expect(createRetry({ backoff: quick }).run(tooLong)).rejects.toThrow('429');
  });

  it('gives up when the wait lies past the deadline', async () => {
    const fn = failing(1, Object.assign(new Error('429'), { retryAfterMs: 50_000 }));
    const startedAt = performance.now();
    await expect(runWithDeadline(30_000, () => createRetry().run(fn))).rejects.toThrow('429');
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  it('survives a function that rejects with undefined', async () => {
    await expect(
      createRetry({ backoff: quick }).run(() => Promise.reject(undefined)),
    ).rejects.toBeUndefined();
  });
});

describe('createRetryBudget', () => {
  it('is made from its options by a retry', async () => {
    const fn = failing();
    const retry = createRetry({ maxAttempts: 9, backoff: quick, budget: { tokens: 10 } });
    await expect(retry.run(fn)).rejects.toThrow('down');
    expect(fn.calls).toBe(3);
  });

  it('spends its last tokens and no more, and never holds more than it began with', () => {
    const budget = createRetryBudget({ tokens: 15 });
    expect([budget.take({ timeout: true }), budget.take({ timeout: false }), budget.take()]).toEqual([
      10, 5, 0,
    ]);
    expect(budget.tokens).toBe(0);
    budget.give();
    budget.give(10);
    expect(budget.tokens).toBe(11);
    budget.give(10);
    expect(budget.tokens).toBe(15);
  });

  it('bounds the retries of all calls together', async () => {
    const retry = createRetry({ maxAttempts: 3, backoff: quick, budget: createRetryBudget({ tokens: 50 }) });
    const fn = failing();
    for (let i = 0; i < 100; i++) await retry.run(fn).catch(() => {});
    expect(fn.calls).toBe(110);
  });

  it('costs more after a timeout, and gives back what a retry that helped had taken', async () => {
    const budget = createRetryBudget();
    const retry = createRetry({ backoff: quick, budget });
    await retry.run(failing(1));
    expect(budget.tokens).toBe(500);
    await retry.run(failing()).catch(() => {});
    expect(budget.tokens).toBe(490);
    await retry.run(failing(Number.POSITIVE_INFINITY, new TimeoutError('x', 5))).catch(() => {});
    expect(budget.tokens).toBe(470);
    await retry.run(failing(0));
    expect(budget.tokens).toBe(471);
  });
});

describe('createRetry with a backoff of the user', () => {
  it('tells it the attempt, the error and the signal, and waits as it says', async () => {
    const seen: unknown[] = [];
    const step = (duration: number) => ({
      duration,
      next: (context: { attempt: number; signal: AbortSignal; result: { error?: unknown } }) => {
        seen.push([context.attempt, context.signal.aborted, context.result.error]);
        return step(duration + 1);
      },
    });
    const recorded = recordChannels('kit:breaker:retried');
    const reason = new Error('down');
    const retry = createRetry({ maxAttempts: 3, backoff: step(0) as never });
    await expect(retry.run(() => Promise.reject(reason))).rejects.toBe(reason);
    recorded.stop();
    expect(seen).toEqual([
      [1, false, reason],
      [2, false, reason],
    ]);
    expect(recorded.events.map(({ payload }) => payload.delayMs)).toEqual([1, 2]);
  });

  it('retries within a deadline that leaves time, and gives the call a signal', async () => {
    let calls = 0;
    const retry = createRetry({ backoff: quick });
    const value = await runWithDeadline(10_000, () =>
      retry.run(({ signal }) => {
        calls += 1;
        if (calls < 3) throw new Error('down');
        return signal.aborted;
      }),
    );
    expect([calls, value]).toEqual([3, false]);
  });
});

describe('fullJitter', () => {
  const delays = (options: Parameters<typeof fullJitter>[0]) => {
    const context = { attempt: 1, signal: new AbortController().signal, result: { error: 0 } };
    let backoff = fullJitter(options).next(context);
    return Array.from({ length: 6 }, () => {
      const { duration } = backoff;
      backoff = backoff.next(context);
      return duration;
    });
  };

  it('draws from zero to a bound that doubles up to maxMs', () => {
    expect(delays({ random: () => 1 })).toEqual([100, 200, 400, 800, 1_600, 2_000]);
    expect(delays({ random: () => 0 })).toEqual([0, 0, 0, 0, 0, 0]);
    for (const delay of delays({ baseMs: 50, maxMs: 80 })) expect(delay).toBeLessThanOrEqual(80);
  });

  it('begins no higher than a maxMs below the usual 100 ms, and may wait the same time always', () => {
    expect(delays({ maxMs: 50, random: () => 1 })[0]).toBe(50);
    expect(delays({ minMs: 80, baseMs: 80, maxMs: 80 })).toEqual([80, 80, 80, 80, 80, 80]);
  });

  it('stays above minMs', () => {
    expect(delays({ minMs: 4_000, baseMs: 8_000, maxMs: 10_000, random: () => 0 })[0]).toBe(4_000);
    expect(delays({ minMs: 4_000, baseMs: 8_000, maxMs: 10_000, random: () => 1 })[1]).toBe(10_000);
  });
});
