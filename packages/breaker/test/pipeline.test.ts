import {
  ConsecutiveBreaker,
  ExponentialBackoff,
  circuitBreaker,
  fallback as cockatielFallback,
  handleAll,
  isBrokenCircuitError,
  isTaskCancelledError,
  retry as cockatielRetry,
  timeout as cockatielTimeout,
  wrap,
} from 'cockatiel';
import { recordChannels } from 'kit-tooling/channels';
import { describe, expect, it } from 'vitest';
import {
  createBreaker,
  createBulkhead,
  createPipeline,
  createRetry,
  createTimeout,
  fullJitter,
  type Pipeline,
  presets,
  runWithDeadline,
} from '../src/index.js';

const quick = fullJitter({ baseMs: 1, maxMs: 1 });
const never = () => new Promise<never>(() => {});
const caught = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

describe('createPipeline', () => {
  it('ends at its total or at the deadline around it, whichever comes first', async () => {
    const bounded = (totalTimeoutMs: number, deadlineMs: number) =>
      runWithDeadline(deadlineMs, () => caught(createPipeline({ name: 'x', totalTimeoutMs }).run(never)));
    expect(await bounded(30, 5_000)).toMatchObject({ code: 'KIT_TIMEOUT' });
    expect(await bounded(5_000, 30)).toMatchObject({ code: 'KIT_DEADLINE_EXCEEDED' });
  });

  it('retries around the breaker, and the breaker sees every attempt', async () => {
    const pipeline = createPipeline({ name: 'orders', breaker: {}, retry: { backoff: quick } });
    await caught(pipeline.run(() => Promise.reject(new Error('down'))));
    expect(pipeline.breaker!.counts.failures).toBe(3);
    expect(pipeline.breaker!.name).toBe('orders');
  });

  it('ends the retries when the breaker opens under them', async () => {
    let calls = 0;
    const pipeline = createPipeline({
      name: 'orders',
      breaker: { minimumCalls: 2 },
      retry: { maxAttempts: 10, backoff: quick, retryOn: () => true },
    });
    const error = await caught(
      pipeline.run(() => {
        calls += 1;
        throw new Error('down');
      }),
    );
    expect([calls, (error as { code: string }).code]).toEqual([2, 'KIT_BREAKER_OPEN']);
  });

  it('gives its name to the bulkhead that it makes', async () => {
    const pipeline = createPipeline({ name: 'orders', bulkhead: { maxConcurrent: 1 } });
    const { promise, resolve } = Promise.withResolvers<number>();
    const running = pipeline.run(() => promise);
    expect(await caught(pipeline.run(() => 1))).toMatchObject({ bulkhead: 'orders', reason: 'queue-full' });
    resolve(7);
    expect(await running).toBe(7);
  });

  it('may have a total of exactly one attempt', async () => {
    const pipeline = createPipeline({ name: 'x', timeout: { timeoutMs: 1_000 }, totalTimeoutMs: 1_000 });
    expect(await pipeline.run(() => 'done')).toBe('done');
  });

  it('does not learn from another pipeline, or another key, with which it shares an adaptive timeout', async () => {
    const timeout = createTimeout({ adaptive: { minMs: 1, maxMs: 5_000 } });
    const [orders, stock] = ['orders', 'stock'].map((name) => createPipeline({ name, timeout }));
    const timeoutOf = (pipeline: Pipeline, key?: string) =>
      pipeline.run({ key }, async (context) => context.timeoutMs);
    for (let call = 0; call < 20; call += 1) await timeoutOf(orders!);
    expect(await timeoutOf(orders!)).toBeLessThan(5_000);
    expect(await timeoutOf(stock!)).toBe(5_000);
    expect(await timeoutOf(orders!, 'GET /slow')).toBe(5_000);
  });

  it('bounds each attempt, and tells it its number and time', async () => {
    const seen: unknown[] = [];
    const pipeline = createPipeline({
      name: 'x',
      retry: { maxAttempts: 2, backoff: quick },
      timeout: { timeoutMs: 25 },
    });
    const error = await caught(
      pipeline.run(({ attempt, timeoutMs, signal }) => {
        seen.push([attempt, timeoutMs, signal.aborted]);
        return never();
      }),
    );
    expect(error).toMatchObject({ code: 'KIT_TIMEOUT', timeoutMs: 25 });
    expect(seen).toEqual([
      [1, 25, false],
      [2, 25, false],
    ]);
  });

  it('bounds the whole call, waiting times included', async () => {
    let attempts = 0;
    const pipeline = createPipeline({
      name: 'x',
      retry: { maxAttempts: 100, backoff: fullJitter({ baseMs: 10, maxMs: 10 }) },
      timeout: { timeoutMs: 40 },
      totalTimeoutMs: 100,
    });
    const error = await caught(pipeline.run(() => ((attempts += 1), never())));
    expect(error).toMatchObject({ code: 'KIT_TIMEOUT' });
    expect(attempts).toBeLessThan(4);
  });

  it('refuses a total that is shorter than an attempt', () => {
    expect(() => createPipeline({ name: 'x', timeout: { timeoutMs: 5_000 }, totalTimeoutMs: 1_000 })).toThrow(
      'totalTimeoutMs must be >= the timeout of one attempt (5000), got 1000',
    );
    expect(() =>
      createPipeline({ name: 'x', timeout: { adaptive: { minMs: 1, maxMs: 300 } }, totalTimeoutMs: 200 }),
    ).toThrow(RangeError);
  });

  it('bounds a call without a timeout of its own by the ambient deadline', async () => {
    const pipeline = createPipeline({ name: 'x', breaker: {} });
    expect(await runWithDeadline(500, () => caught(pipeline.run(never)))).toMatchObject({
      code: 'KIT_DEADLINE_EXCEEDED',
    });
    let calls = 0;
    const tooLate = await runWithDeadline(3, () => caught(pipeline.run(() => (calls += 1))));
    expect([calls, (tooLate as { code: string }).code]).toEqual([0, 'KIT_DEADLINE_EXCEEDED']);
    // What was not sent is not counted against the partner.
    expect(pipeline.breaker!.counts).toMatchObject({ requests: 1, failures: 1 });
  });

  it('limits how many calls run at once, with all their attempts', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1 });
    const pipeline = createPipeline({ name: 'x', bulkhead });
    const running = pipeline.run(() => new Promise((resolve) => setTimeout(resolve, 30, 'ok')));
    expect(await caught(pipeline.run(() => 1))).toMatchObject({ code: 'KIT_BULKHEAD_FULL' });
    expect(await running).toBe('ok');
    expect(bulkhead.running).toBe(0);
  });

  it('rejects at once when the caller aborts, without a fallback', async () => {
    let fallbacks = 0;
    const pipeline = createPipeline({
      name: 'x',
      timeout: { timeoutMs: 10_000 },
      fallback: () => (fallbacks += 1),
    });
    const caller = new AbortController();
    const run = pipeline.run({ signal: caller.signal }, never);
    caller.abort(new Error('gone'));
    await expect(run).rejects.toThrow('gone');
    expect(fallbacks).toBe(0);
  });

  it('falls back last of all, by a function or a cockatiel policy', async () => {
    const fail = () => Promise.reject(new Error('down'));
    const own = createPipeline({
      name: 'x',
      retry: { backoff: quick },
      fallback: (e) => (e as Error).message,
    });
    expect(await own.run(fail)).toBe('down');
    const theirs = createPipeline({ name: 'x', fallback: cockatielFallback(handleAll, 'cached') });
    expect(await theirs.run(fail)).toBe('cached');
    expect(await theirs.run(() => 'fresh')).toBe('fresh');
  });

  it('takes instances that others use too', async () => {
    const breaker = createBreaker({ name: 'shared', minimumCalls: 2 });
    const parts = {
      breaker,
      retry: createRetry({ maxAttempts: 1 }),
      timeout: createTimeout({ timeoutMs: 1_000 }),
    };
    const one = createPipeline({ name: 'one', ...parts });
    const two = createPipeline({ name: 'two', ...parts });
    await caught(one.run(() => Promise.reject(new Error('down'))));
    await caught(two.run(() => Promise.reject(new Error('down'))));
    expect(breaker.state).toBe('open');
  });

  it('learns an adaptive timeout by name and route, when several share it', async () => {
    let now = 0;
    const timeout = createTimeout({ adaptive: { minMs: 1, maxMs: 900 }, now: () => now });
    const quick = createPipeline({ name: 'quick', timeout });
    const slow = createPipeline({ name: 'slow', timeout });
    for (let i = 0; i < 20; i++) {
      await quick.run({ key: 'GET /a' }, () => (now += 10));
      await slow.run({ key: 'GET /a' }, () => (now += 100));
    }
    expect(await quick.run({ key: 'GET /a' }, ({ timeoutMs }) => timeoutMs)).toBe(20);
    expect(await slow.run({ key: 'GET /a' }, ({ timeoutMs }) => timeoutMs)).toBe(200);
    expect(await slow.run(({ timeoutMs }) => timeoutMs)).toBe(900);
  });

  it('works from every preset', async () => {
    for (const preset of [presets.standard, presets.provider, { breaker: presets.gobreaker }])
      expect(await createPipeline({ name: 'x', ...preset }).run(() => 'ok')).toBe('ok');
    expect(presets.provider.retry.maxAttempts).toBe(3);
    expect(presets.gobreaker).toEqual({
      halfOpenMaxCalls: 3,
      windowMs: 60_000,
      openMs: 30_000,
      minimumCalls: 5,
      failureRatio: 0.6,
    });
  });

  it('publishes retries under its own name', async () => {
    const recorded = recordChannels('kit:breaker:retried');
    await caught(
      createPipeline({ name: 'orders', retry: { backoff: quick } }).run(() => Promise.reject(new Error('x'))),
    );
    recorded.stop();
    expect(recorded.events.map((e) => [e.payload.name, e.payload.attempt])).toEqual([
      ['orders', 2],
      ['orders', 3],
    ]);
  });
});

describe('cockatiel', () => {
  const theirRetry = () =>
    cockatielRetry(handleAll, {
      maxAttempts: 2,
      backoff: new ExponentialBackoff({ initialDelay: 1, maxDelay: 2 }),
    });

  it('wraps our breaker between its own retry and timeout', async () => {
    const breaker = createBreaker({ name: 'orders' });
    const policy = wrap(theirRetry(), breaker, cockatielTimeout(20, 'aggressive' as never));
    expect(await policy.execute(() => 'ok')).toBe('ok');
    expect(isTaskCancelledError((await caught(policy.execute(never))) as Error)).toBe(true);
    expect(breaker.counts).toMatchObject({ requests: 4, failures: 3 });
  });

  it('wraps everything of ours, in any place, and hands on the innermost signal', async () => {
    const policy = wrap(
      createPipeline({ name: 'p' }),
      createRetry({ maxAttempts: 2, backoff: quick }),
      createBulkhead({ maxConcurrent: 5 }),
      circuitBreaker(handleAll, { halfOpenAfter: 10, breaker: new ConsecutiveBreaker(9) }),
    );
    const whole = wrap(policy, createTimeout({ timeoutMs: 20 }));
    let aborted = 0;
    const error = await caught(
      whole.execute(({ signal }) => {
        signal.addEventListener('abort', () => (aborted += 1));
        return never();
      }),
    );
    expect(isTaskCancelledError(error as Error)).toBe(true);
    expect(aborted).toBe(2);
  });

  it('takes our rejection for a broken circuit', async () => {
    const breaker = createBreaker({ name: 'orders' });
    breaker.isolate();
    const error = (await caught(wrap(breaker, createTimeout({ timeoutMs: 50 })).execute(() => 1))) as Error;
    expect(isBrokenCircuitError(error)).toBe(true);
  });

  it('hears onSuccess and onFailure; a listener that throws changes nothing', async () => {
    const breaker = createBreaker({ name: 'orders' });
    const heard: string[] = [];
    breaker.onSuccess(() => {
      throw new Error('listener');
    });
    const { dispose } = breaker.onSuccess(({ duration }) => heard.push(`success ${duration >= 0}`));
    breaker.onFailure(({ handled, reason }) => heard.push(`failure ${handled} ${'error' in reason}`));
    expect(await breaker.execute(() => 'ok')).toBe('ok');
    dispose();
    await breaker.execute(() => 'ok');
    await caught(breaker.execute(() => Promise.reject(new Error('x'))));
    expect(heard).toEqual(['success true', 'failure true true']);

    const timeout = createTimeout({ timeoutMs: 1_000 });
    timeout.onSuccess(() => heard.push('timeout success'));
    timeout.onFailure(() => heard.push('timeout failure'));
    await timeout.execute(() => 1);
    await caught(timeout.execute(() => Promise.reject(new Error('x'))));
    expect(heard.slice(2)).toEqual(['timeout success', 'timeout failure']);
  });

  it('uses a backoff of cockatiel’s for openMs and for retry', async () => {
    const backoff = new ExponentialBackoff({ initialDelay: 1, maxDelay: 5 });
    let calls = 0;
    await caught(
      createRetry({ maxAttempts: 3, backoff }).run(() => {
        calls += 1;
        throw new Error('x');
      }),
    );
    expect(calls).toBe(3);
    const breaker = createBreaker({ name: 'x', openMs: backoff, minimumCalls: 1 });
    await caught(breaker.run(() => Promise.reject(new Error('x'))));
    expect(breaker.retryAfterMs).toBeLessThanOrEqual(5);
  });
});
