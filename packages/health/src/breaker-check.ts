import type { Check } from './check.js';
import { requireText, shown } from './rules.js';

/** What `breakerCheck` reads of a circuit breaker: `@kit/breaker` fits, and so does any other with these two. */
export interface BreakerLike {
  readonly name: string;
  readonly state: string;
}

/** Options of `breakerCheck`. */
export interface BreakerCheckOptions {
  /** @default the breaker's name */
  name?: string;
}

/**
 * Degraded while a circuit breaker keeps calls away: the partner is down, this service is not.
 *
 * @example
 * ```ts
 * import { breakerCheck, createHealth } from '@kit/health';
 *
 * createHealth().add(breakerCheck({ name: 'order-service', state: 'closed' }));
 * ```
 */
export function breakerCheck(breaker: BreakerLike, options: BreakerCheckOptions = {}): Check {
  if (typeof breaker !== 'object' || breaker === null)
    throw new TypeError(`breaker must be an object with name and state, got ${shown(breaker)}`);
  return {
    name: requireText('breaker.name', options.name ?? breaker.name),
    check: () => {
      const { state } = breaker;
      if (state === 'closed' || state === 'half-open') return { status: 'healthy', metadata: { state } };
      return { status: 'degraded', message: `the breaker is ${state}`, metadata: { state } };
    },
  };
}
