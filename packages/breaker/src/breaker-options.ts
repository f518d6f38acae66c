import type { IBackoffFactory, IRetryBackoffContext } from 'cockatiel';
import type { BreakerCounts, StateChangedEvent } from './channels.js';
import { complaint, checkBoolean, checkFunction, checkName, checkNumber, checkObject } from './validate.js';
import { checkOptionalNumber } from './validate.js';
import type { Outcome, Verdict } from './outcome.js';

/** Waiting times between attempts, in cockatiel's form: its own backoffs and `fullJitter` fit. */
export type Backoff = IBackoffFactory<IRetryBackoffContext<unknown>>;

/** A change of state as `onStateChange` gets it; `from` is never null there. */
export type StateChange = StateChangedEvent & { readonly from: NonNullable<StateChangedEvent['from']> };

/** Options of a breaker without its name; the defaults are the `gobreaker` preset. */
export interface BreakerSettings {
  /** Length of the sliding window in ms. @default 60_000 */
  windowMs?: number | undefined;
  /** Calls, ignored ones aside, below which the breaker never opens. @default 5 */
  minimumCalls?: number | undefined;
  /** Share of failures, > 0 and <= 1, from which on it opens. @default 0.6 */
  failureRatio?: number | undefined;
  /** How long it stays open, in ms, or a backoff that makes repeated opening longer. @default 30_000 */
  openMs?: number | Backoff | undefined;
  /** Trials that may run or have succeeded at once while half-open; all must succeed. @default 3 */
  halfOpenMaxCalls?: number | undefined;
  /** After this many ms a trial that has not settled frees its place. @default 30_000 */
  halfOpenMaxWaitMs?: number | undefined;
  /** Decides by itself, in place of `failureRatio` and `minimumCalls`, whenever a call has settled. */
  readyToTrip?: ((counts: BreakerCounts) => boolean) | undefined;
  /** Says what an outcome means; by default a value is a success, a rejection a failure; see the README for HTTP. */
  classify?: ((outcome: Outcome) => Verdict) | undefined;
  /** Calls that take this many ms or longer are slow; off when absent. */
  slowCallMs?: number | undefined;
  /** Share of slow calls, > 0 and <= 1, from which on it opens; needs `slowCallMs`. @default 1 */
  slowCallRatio?: number | undefined;
  /** For this many ms after closing, admits a share of calls that grows from 10 to 100 %. @default 0 */
  rampMs?: number | undefined;
  /** Called after every change of state; a throw is reported as a process warning. */
  onStateChange?: ((change: StateChange) => void) | undefined;
  /** Clock in ms; a jump back is survived. @default performance.now */
  now?: (() => number) | undefined;
  /** Whether rejections carry a stack trace, which is most of what they cost. @default true */
  captureStack?: boolean | undefined;
}

/** Options of `createBreaker`. */
export interface BreakerOptions extends BreakerSettings {
  /** Name in errors, channels and metrics. */
  name: string;
}

export type BreakerConfig = ReturnType<typeof checkBreakerOptions>;

export function checkBreakerOptions(options: BreakerOptions) {
  checkObject('options', options);
  const slowCallMs = checkOptionalNumber('slowCallMs', options.slowCallMs, { above: 0 });
  if (options.slowCallRatio !== undefined && slowCallMs === undefined)
    throw new RangeError(complaint('slowCallRatio', 'given together with slowCallMs', options.slowCallRatio));
  return {
    name: checkName(options.name),
    windowMs: checkNumber('windowMs', options.windowMs ?? 60_000, { above: 0 }),
    minimumCalls: checkNumber('minimumCalls', options.minimumCalls ?? 5, { atLeast: 1, integer: true }),
    failureRatio: checkNumber('failureRatio', options.failureRatio ?? 0.6, { above: 0, atMost: 1 }),
    openMs: checkOpenMs(options.openMs ?? 30_000),
    halfOpenMaxCalls: checkNumber('halfOpenMaxCalls', options.halfOpenMaxCalls ?? 3, {
      atLeast: 1,
      integer: true,
    }),
    halfOpenMaxWaitMs: checkNumber('halfOpenMaxWaitMs', options.halfOpenMaxWaitMs ?? 30_000, { above: 0 }),
    readyToTrip: checkFunction('readyToTrip', options.readyToTrip),
    classify: checkFunction('classify', options.classify),
    slowCallMs,
    slowCallRatio: checkNumber('slowCallRatio', options.slowCallRatio ?? 1, { above: 0, atMost: 1 }),
    rampMs: checkNumber('rampMs', options.rampMs ?? 0, { atLeast: 0 }),
    onStateChange: checkFunction('onStateChange', options.onStateChange),
    now: checkFunction('now', options.now),
    captureStack: checkBoolean('captureStack', options.captureStack, true),
  };
}

function checkOpenMs(value: number | Backoff): number | Backoff {
  if (typeof value === 'object' && value !== null && typeof value.next === 'function') return value;
  if (typeof value !== 'number') throw new TypeError(complaint('openMs', '> 0 or a backoff', value));
  return checkNumber('openMs', value, { above: 0 });
}
