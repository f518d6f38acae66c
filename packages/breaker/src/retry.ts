import type { IBackoff, IPolicy, IRetryBackoffContext } from 'cockatiel';
import { fullJitter } from './backoff.js';
import type { Backoff } from './breaker-options.js';
import { retriedChannel } from './channels.js';
import { monotonic } from './clock.js';
import { DEADLINE_FLOOR_MS, type TimeLimit, ambientLimit } from './deadline.js';
import { isDeadlineExceededError } from './errors.js';
import { isTimeoutLike } from './outcome.js';
import { asPolicy } from './policy.js';
import { reportThrow } from './report.js';
import { type RetryBudget, type RetryBudgetOptions, checkBudget } from './retry-budget.js';
import { isBreakerRejection, retryAfterMsOf } from './retry-hints.js';
import { type Guarded, type RunContext, type RunOptions, neverAborts, runArguments } from './run-context.js';
import { sleep } from './sleep.js';
import { runTimed } from './timed-call.js';
import { checkFunction, checkName, checkNumber, checkObject, complaint } from './validate.js';

/** What a retried function gets. */
export interface RetryContext extends RunContext {
  /** 1 for the first call. */
  readonly attempt: number;
}

/** Options of `createRetry`. */
export interface RetryOptions {
  /** Calls in all, the first one included. @default 3 */
  maxAttempts?: number | undefined;
  /** Waiting times; a longer `retryAfterMs` of the error goes first. @default fullJitter() */
  backoff?: Backoff | undefined;
  /** Bounds the retries of all calls together; an instance can be shared. */
  budget?: RetryBudget | RetryBudgetOptions | undefined;
  /** Whether to retry this error; an open breaker and a passed deadline are never retried. @default all errors */
  retryOn?: ((error: unknown, context: { attempt: number }) => boolean) | undefined;
  /** With a `retryAfterMs` above this, in ms, it gives up at once. @default 60_000 */
  maxRetryAfterMs?: number | undefined;
  /** Name on the channel `kit:breaker:retried`. @default 'retry' */
  name?: string | undefined;
}

/** Calls again what failed; also a cockatiel `IPolicy`. */
export interface Retry extends IPolicy {
  readonly maxAttempts: number;
  /** Calls `fn` until it succeeds or the attempts are used up; rejects with the last error. */
  run<T>(fn: Guarded<T, RetryContext>): Promise<T>;
  run<T>(options: RunOptions, fn: Guarded<T, RetryContext>): Promise<T>;
}

/** One call with its retries, as a pipeline makes it. @internal */
export interface RetryRun {
  name: string;
  signal?: AbortSignal | undefined;
  limit?: TimeLimit | undefined;
  /** Forbids a retry that `retryOn` would allow; `chosen` says whether the user gave a `retryOn`. */
  mayRetry?: ((error: unknown, chosen: boolean) => boolean) | undefined;
}

/** A retry with what a pipeline needs of it. @internal */
export interface InnerRetry extends Retry {
  runAttempts<T>(call: RetryRun, attempt: (attempt: number) => Promise<T>): Promise<T>;
}

/**
 * Creates a retry. An abort ends it at once, also while it waits; it waits for nothing that lies past the deadline.
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import { createRetry, fullJitter } from '@kit/breaker';
 *
 * const retry = createRetry({ maxAttempts: 3, backoff: fullJitter({ baseMs: 100, maxMs: 2_000 }) });
 * await retry.run(({ signal }) => fetch('http://localhost:3101/orders', { signal }));
 * ```
 */
export function createRetry(options: RetryOptions = {}): Retry {
  return createInnerRetry(options);
}

/** @internal */
export function createInnerRetry(options: RetryOptions): InnerRetry {
  const config = checkRetryOptions(options);
  const retry = {
    maxAttempts: config.maxAttempts,
    runAttempts: <T>(call: RetryRun, attempt: (attempt: number) => Promise<T>) =>
      runAttempts(config, call, attempt),
    async run<T>(
      first: RunOptions | Guarded<T, RetryContext>,
      second?: Guarded<T, RetryContext>,
    ): Promise<T> {
      const [o, fn] = runArguments<RunOptions, Guarded<T, RetryContext>>(first, second);
      const { name } = config;
      const bounds = { timeoutMs: undefined, limit: ambientLimit(name), error: () => new Error(name) };
      const call = { name, signal: o?.signal, limit: bounds.limit };
      return runAttempts(config, call, (attempt) =>
        runTimed(bounds, o?.signal, (context) =>
          fn({
            attempt,
            get signal() {
              return context.signal;
            },
          }),
        ),
      );
    },
  };
  return asPolicy<InnerRetry>(retry);
}

type RetryConfig = ReturnType<typeof checkRetryOptions>;

function checkRetryOptions(options: RetryOptions) {
  checkObject('options', options);
  const { backoff } = options;
  if (backoff !== undefined && typeof backoff?.next !== 'function')
    throw new TypeError(complaint('backoff', 'a backoff such as fullJitter()', backoff));
  return {
    maxAttempts: checkNumber('maxAttempts', options.maxAttempts ?? 3, { atLeast: 1, integer: true }),
    backoff: backoff ?? fullJitter(),
    budget: checkBudget(options.budget),
    retryOn: checkFunction('retryOn', options.retryOn),
    maxRetryAfterMs: checkNumber('maxRetryAfterMs', options.maxRetryAfterMs ?? 60_000, { atLeast: 0 }),
    name: checkName(options.name ?? 'retry'),
  };
}

async function runAttempts<T>(
  config: RetryConfig,
  call: RetryRun,
  makeAttempt: (attempt: number) => Promise<T>,
): Promise<T> {
  const { budget, maxAttempts } = config;
  let taken: number | undefined;
  let backoff: IBackoff<IRetryBackoffContext<unknown>> | undefined;
  for (let attempt = 1; ; attempt++) {
    if (call.signal?.aborted) throw call.signal.reason;
    try {
      const value = await makeAttempt(attempt);
      budget?.give(taken);
      return value;
    } catch (error) {
      if (attempt >= maxAttempts || !mayRetry(config, call, error, attempt)) throw error;
      const signal = call.signal ?? neverAborts;
      backoff = nextBackoff(config, backoff ?? config.backoff, { attempt, signal, result: { error } });
      const delayMs = Math.max(backoff.duration, retryAfterMsOf(error) ?? 0);
      if (isTooLate(call.limit, delayMs)) throw error;
      taken = budget?.take({ timeout: isTimeoutLike(error) });
      if (taken === 0) throw error;
      publishRetry(call.name, attempt + 1, delayMs);
      await sleep(delayMs, call.signal);
    }
  }
}

function mayRetry(config: RetryConfig, call: RetryRun, error: unknown, attempt: number): boolean {
  if (call.signal?.aborted || isBreakerRejection(error) || isDeadlineExceededError(error)) return false;
  if ((retryAfterMsOf(error) ?? 0) > config.maxRetryAfterMs) return false;
  const { retryOn } = config;
  if (call.mayRetry?.(error, retryOn !== undefined) === false) return false;
  try {
    return retryOn === undefined || retryOn(error, { attempt });
  } catch (thrown) {
    reportThrow(config, 'retryOn', thrown);
    return false;
  }
}

/** A backoff that throws or names no time must not take the place of the call's own error: the usual one goes on. */
function nextBackoff(
  config: RetryConfig,
  current: Backoff,
  context: IRetryBackoffContext<unknown>,
): IBackoff<IRetryBackoffContext<unknown>> {
  try {
    const next = current.next(context);
    if (next.duration >= 0) return next;
  } catch (thrown) {
    reportThrow(config, 'backoff', thrown);
  }
  return fullJitter().next(context);
}

function isTooLate(limit: TimeLimit | undefined, delayMs: number): boolean {
  return limit !== undefined && monotonic() + delayMs + DEADLINE_FLOOR_MS > limit.endsAt;
}

function publishRetry(name: string, attempt: number, delayMs: number): void {
  if (retriedChannel.hasSubscribers) retriedChannel.publish(Object.freeze({ name, attempt, delayMs }));
}
