import type { BreakerSettings } from './breaker-options.js';
import { checkBreakerOptions } from './breaker-options.js';
import type { Breaker, BreakerSnapshot } from './breaker-types.js';
import { createBreaker } from './breaker.js';
import { checkName, checkNumber, checkObject } from './validate.js';

const EVICTION_SEARCH = 32;

/** Options of `createBreakerRegistry`. */
export interface BreakerRegistryOptions {
  /** Options of every breaker. */
  defaults?: BreakerSettings | undefined;
  /** Options by breaker name, on top of `defaults`. */
  overrides?: Readonly<Record<string, BreakerSettings>> | undefined;
  /** Breakers kept; beyond, the one used longest ago goes, closed ones first. @default 1_000 */
  maxKeys?: number | undefined;
}

/** One breaker for each name, made when it is first asked for. */
export interface BreakerRegistry extends Iterable<Breaker> {
  readonly size: number;
  /** The breaker of that name, made now if there is none yet. */
  get(name: string): Breaker;
  /** The breaker of that name if there is one; makes none. */
  find(name: string): Breaker | undefined;
  toJSON(): BreakerSnapshot[];
}

/**
 * Creates a registry of breakers, bounded in memory.
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import { createBreakerRegistry, presets } from '@kit/breaker';
 *
 * const breakers = createBreakerRegistry({
 *   defaults: presets.gobreaker,
 *   overrides: { 'risk-service': { openMs: 5_000 } },
 * });
 * await breakers.get('order-service').run(({ signal }) => fetch('http://localhost:3101/orders', { signal }));
 * ```
 */
export function createBreakerRegistry(options: BreakerRegistryOptions = {}): BreakerRegistry {
  checkObject('options', options);
  const defaults = checkObject('defaults', options.defaults ?? {});
  const overrides = new Map(Object.entries(checkObject('overrides', options.overrides ?? {})));
  const maxKeys = checkNumber('maxKeys', options.maxKeys ?? 1_000, { atLeast: 1, integer: true });
  checkBreakerOptions({ ...defaults, name: 'defaults' });
  for (const [name, own] of overrides)
    checkBreakerOptions({ ...defaults, ...checkObject(`overrides.${name}`, own), name });

  // In the order of use: the first one was used longest ago.
  const breakers = new Map<string, Breaker>();
  return {
    get size() {
      return breakers.size;
    },
    get(name) {
      const known = breakers.get(name);
      if (known !== undefined) {
        breakers.delete(name);
        breakers.set(name, known);
        return known;
      }
      const made = createBreaker({ ...defaults, ...overrides.get(name), name: checkName(name) });
      if (breakers.size >= maxKeys) breakers.delete(oldest(breakers));
      breakers.set(name, made);
      return made;
    },
    find: (name) => breakers.get(name),
    toJSON: () => [...breakers.values()].map((breaker) => breaker.toJSON()),
    [Symbol.iterator]: () => [...breakers.values()].values(),
  };
}

/** Prefers a closed breaker, which is made again without loss; looks at a few only, so that `get` stays cheap. */
function oldest(breakers: Map<string, Breaker>): string {
  let looked = 0;
  for (const [name, breaker] of breakers) {
    if (breaker.state === 'closed') return name;
    if ((looked += 1) === EVICTION_SEARCH) break;
  }
  return breakers.keys().next().value!;
}
