import type { IPolicy } from 'cockatiel';
import type { BreakerCounts, BreakerState } from './channels.js';
import type { Guarded, RunOptions } from './run-context.js';

/** A breaker's state as plain data. */
export interface BreakerSnapshot {
  readonly name: string;
  readonly state: BreakerState;
  readonly isolated: boolean;
  readonly counts: BreakerCounts;
  readonly stale: number;
  readonly retryAfterMs: number;
}

/** What a breaker has seen itself, for agreement between instances. */
export interface BreakerEvidence {
  /** Settled calls that were not ignored. */
  readonly calls: number;
  /** Whether they would open it, however few they are. */
  readonly failing: boolean;
  /** The breaker's `minimumCalls`. */
  readonly minimumCalls: number;
}

/** A circuit breaker; also a cockatiel `IPolicy`, so `wrap(retry, breaker, timeout)` works. */
export interface Breaker extends IPolicy {
  readonly name: string;
  /** The state now: an open breaker whose `openMs` have elapsed is half-open. */
  readonly state: BreakerState;
  /** The calls of the current window. */
  readonly counts: BreakerCounts;
  /** Results that were dropped because they started before the last change of state. */
  readonly stale: number;
  /** How long calls will still be rejected, in ms; 0 when they are not. */
  readonly retryAfterMs: number;
  /** True from `isolate()` to `reset()`. */
  readonly isolated: boolean;
  /** What its own window says; while open, the window that opened it. Nothing if others opened it. */
  readonly evidence: BreakerEvidence;
  /** Calls `fn` if the state allows; rejects with `KIT_BREAKER_OPEN` if not, else with what `fn` rejects with. */
  run<T>(fn: Guarded<T>): Promise<T>;
  run<T>(options: RunOptions, fn: Guarded<T>): Promise<T>;
  /** Rejects every call until `reset()`. */
  isolate(): void;
  /** Closes the breaker and forgets its window. */
  reset(): void;
  /** Opens a closed breaker before its own window would: for agreement between instances. */
  trip(): void;
  toJSON(): BreakerSnapshot;
}
