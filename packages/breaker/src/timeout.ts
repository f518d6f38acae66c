import type { IPolicy } from 'cockatiel';
import { AdaptiveTimeout, type AdaptiveTimeoutOptions } from './adaptive.js';
import { type Clock, toMonotonic } from './clock.js';
import { type TimeLimit, ambientLimit } from './deadline.js';
import { TimeoutError } from './errors.js';
import { asPolicy } from './policy.js';
import { type Guarded, type RunOptions, runArguments } from './run-context.js';
import { type TimedContext, runTimed } from './timed-call.js';
import { TimerQueue } from './timer-queue.js';
import { TIMER_MS, checkFunction, checkName, checkNumber, checkObject, complaint } from './validate.js';

/** Options of `createTimeout`: either a fixed time or an adaptive one. */
export interface TimeoutOptions {
  /** Time a call may take, in ms. */
  timeoutMs?: number | undefined;
  /** Learns the time from the calls, in place of `timeoutMs`. */
  adaptive?: AdaptiveTimeoutOptions | undefined;
  /** Name in errors. @default 'call' */
  name?: string | undefined;
  /** Clock in ms for the durations an adaptive timeout learns from. @default performance.now */
  now?: (() => number) | undefined;
}

/** Options of one timed call. */
export interface TimeoutRunOptions extends RunOptions {
  /** What an adaptive timeout learns for separately, such as a route. @default '' */
  key?: string | undefined;
}

/** Bounds the time of calls; also a cockatiel `IPolicy`. */
export interface Timeout extends IPolicy {
  /** The timeout in ms that a call would have now; `key` matters only to an adaptive one. */
  timeoutMs(key?: string): number;
  /** The largest timeout a call can have, in ms. */
  readonly maxTimeoutMs: number;
  /** Runs `fn`; rejects with `KIT_TIMEOUT` when it takes too long, even if it is deaf to its signal. */
  run<T>(fn: Guarded<T, TimedContext>): Promise<T>;
  run<T>(options: TimeoutRunOptions, fn: Guarded<T, TimedContext>): Promise<T>;
}

/** One call through a timeout, as a pipeline makes it. @internal */
export interface TimedRun {
  subject: string;
  signal?: AbortSignal | undefined;
  key?: string | undefined;
  limit?: TimeLimit | undefined;
  /** In place of the timeout's own. */
  timeoutMs?: number | undefined;
  attempt?: number | undefined;
}

/** A timeout with what a pipeline needs of it. @internal */
export interface InnerTimeout extends Timeout {
  runWithin<T>(call: TimedRun, fn: Guarded<T, TimedContext>): Promise<T>;
}

/**
 * Creates a timeout. The caller's signal and the ambient deadline bound its calls as well.
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import { createTimeout } from '@kit/breaker';
 *
 * const timeout = createTimeout({ timeoutMs: 2_000 });
 * await timeout.run(({ signal }) => fetch('http://localhost:3101/orders', { signal }));
 * ```
 */
export function createTimeout(options: TimeoutOptions): Timeout {
  const timeout = createInnerTimeout(options);
  return timeout;
}

/** @internal */
export function createInnerTimeout(options: TimeoutOptions): InnerTimeout {
  checkObject('options', options);
  if ((options.timeoutMs === undefined) === (options.adaptive === undefined))
    throw new TypeError(complaint('timeoutMs', 'given, or else adaptive', options.timeoutMs));
  const name = checkName(options.name ?? 'call');
  const clock = toMonotonic(checkFunction('now', options.now));
  const bounds =
    options.adaptive === undefined
      ? fixedTimeout(checkNumber('timeoutMs', options.timeoutMs, TIMER_MS))
      : adaptiveTimeout(new AdaptiveTimeout(options.adaptive), clock);

  const timeout = {
    timeoutMs: (key = '') => bounds.timeoutMs(key),
    maxTimeoutMs: bounds.maxTimeoutMs,
    runWithin: <T>(call: TimedRun, fn: Guarded<T, TimedContext>) => bounds.run(call, fn),
    async run<T>(
      first: TimeoutRunOptions | Guarded<T, TimedContext>,
      second?: Guarded<T, TimedContext>,
    ): Promise<T> {
      const [o, fn] = runArguments<TimeoutRunOptions, Guarded<T, TimedContext>>(first, second);
      const call = { subject: name, signal: o?.signal, key: o?.key, limit: ambientLimit(name) };
      return bounds.run(call, fn);
    },
  };
  return asPolicy<InnerTimeout>(timeout);
}

interface Bounds {
  maxTimeoutMs: number;
  timeoutMs(key: string): number;
  run<T>(call: TimedRun, fn: Guarded<T, TimedContext>): Promise<T>;
}

function fixedTimeout(timeoutMs: number): Bounds {
  const queue = new TimerQueue(timeoutMs);
  return {
    maxTimeoutMs: timeoutMs,
    timeoutMs: () => timeoutMs,
    run: (call, fn) => {
      const ms = call.timeoutMs ?? timeoutMs;
      return runTimed(
        {
          timeoutMs: ms,
          queue: ms === timeoutMs ? queue : undefined,
          limit: call.limit,
          attempt: call.attempt,
          error: () => new TimeoutError(call.subject, ms),
        },
        call.signal,
        fn,
      );
    },
  };
}

function adaptiveTimeout(adaptive: AdaptiveTimeout, clock: Clock): Bounds {
  return {
    maxTimeoutMs: adaptive.maxMs,
    timeoutMs: (key) => adaptive.timeoutMs(key),
    async run(call, fn) {
      const key = call.key ?? '';
      const timeoutMs = call.timeoutMs ?? adaptive.timeoutMs(key);
      let expired = false;
      const error = () => {
        expired = true;
        return new TimeoutError(call.subject, timeoutMs);
      };
      const startedAt = clock();
      try {
        const value = await runTimed(
          { timeoutMs, limit: call.limit, attempt: call.attempt, error },
          call.signal,
          fn,
        );
        adaptive.record(key, clock() - startedAt);
        return value;
      } catch (reason) {
        // A quick refusal or a caller's abort tells nothing of how long an answer takes.
        if (expired) adaptive.recordTimeout(key, timeoutMs);
        throw reason;
      }
    },
  };
}
