import { AsyncLocalStorage } from 'node:async_hooks';
import { monotonic } from './clock.js';
import { DeadlineExceededError, NOT_SENT } from './errors.js';
import { checkNumber, complaint } from './validate.js';

/** With less than this left, in ms, nothing is sent: the answer would come too late. */
export const DEADLINE_FLOOR_MS = 5;

/** The point on the monotonic clock where the time is over, and the error that says so. */
export interface TimeLimit {
  readonly endsAt: number;
  error(): Error;
}

/**
 * Runs `fn` with at most `ms` for everything it calls through this package; an inner deadline can shorten an outer
 * one, never extend it. It sets the ambient value only: `fn` itself is not interrupted.
 *
 * @throws RangeError or TypeError when `ms` is not a number >= 0.
 * @example
 * ```ts
 * import { createHttpClient, runWithDeadline } from '@kit/breaker';
 *
 * const orders = createHttpClient({ name: 'order-service', baseUrl: 'http://localhost:3101' });
 * await runWithDeadline(800, () => orders.get('/orders/7'));
 * ```
 */
export function runWithDeadline<T>(ms: number, fn: () => T): T {
  checkNumber('ms', ms, { atLeast: 0 });
  if (typeof fn !== 'function') throw new TypeError(complaint('fn', 'a function', fn));
  const outer = store.getStore()?.endsAt ?? Number.POSITIVE_INFINITY;
  return store.run({ endsAt: Math.min(outer, monotonic() + ms) }, fn);
}

/**
 * What is left of the ambient deadline in ms, never below 0; undefined when there is none.
 *
 * @example
 * ```ts
 * import { getRemainingMs, runWithDeadline } from '@kit/breaker';
 *
 * runWithDeadline(500, () => console.log(getRemainingMs()));
 * ```
 */
export function getRemainingMs(): number | undefined {
  const deadline = store.getStore();
  return deadline && Math.max(0, deadline.endsAt - monotonic());
}

/** The ambient deadline as a limit; throws when what is left of it is below the floor. */
export function ambientLimit(subject: string): TimeLimit | undefined {
  const deadline = store.getStore();
  if (deadline === undefined) return undefined;
  const remainingMs = deadline.endsAt - monotonic();
  if (remainingMs < DEADLINE_FLOOR_MS) {
    const error = new DeadlineExceededError(subject, Math.max(0, remainingMs));
    throw Object.defineProperty(error, NOT_SENT, { value: true });
  }
  return { endsAt: deadline.endsAt, error: () => new DeadlineExceededError(subject, 0) };
}

// Shared by every copy of this package (ESM beside CJS): a deadline set through one holds in the other.
const store = sharedStore();

function sharedStore(): AsyncLocalStorage<{ readonly endsAt: number }> {
  const shared = globalThis as { [key: symbol]: unknown };
  const key = Symbol.for('@kit/deadline');
  shared[key] ??= new AsyncLocalStorage();
  return shared[key] as AsyncLocalStorage<{ readonly endsAt: number }>;
}
