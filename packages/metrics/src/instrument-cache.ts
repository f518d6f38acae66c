import { checkMethods, checkMetrics } from './arguments.js';
import { untilClosed } from './closing.js';
import { show } from './labels.js';
import type { Metrics } from './metrics.js';

/** A cache that tells of hits and misses: `bentocache`, `cacheable`, or anything that emits `hit` and `miss`. */
export interface CacheLike {
  on(event: never, listener: (...args: unknown[]) => void): unknown;
  off?(event: never, listener: (...args: unknown[]) => void): unknown;
}

/** What `instrumentCache` takes. */
export interface InstrumentCacheOptions {
  /** Label `cache`. @default 'default' */
  name?: string | undefined;
}

/**
 * Counts hits and misses, a layer each where the cache has two. Returns `stop()`.
 * @example
 * import client from 'prom-client';
 * import { EventEmitter } from 'node:events';
 * import { createMetrics, instrumentCache } from '@kit/metrics';
 * const cache = new EventEmitter(); // or a BentoCache, or a Cacheable
 * instrumentCache(createMetrics({ client }), cache, { name: 'users' });
 */
export function instrumentCache(
  metrics: Metrics,
  cache: CacheLike,
  options: InstrumentCacheOptions = {},
): () => void {
  checkMetrics(metrics);
  checkMethods('cache', cache, ['on']);
  const name = options.name ?? 'default';
  // Found out later it would be thrown into whoever reads the cache.
  if (typeof name !== 'string') throw new TypeError(`name must be a string, got ${show(name)}`);
  const labels = ['cache', 'layer'] as const;
  const hits = metrics.counter('kit_cache_hits_total', {
    help: 'Lookups the cache answered, by layer.',
    labels,
  });
  const misses = metrics.counter('kit_cache_misses_total', {
    help: 'Lookups the cache could not answer, by layer.',
    labels,
  });
  let active = true;
  const count = (counter: typeof hits) => (event: unknown) => {
    if (active) counter.child(name, layerOf(event)).inc();
  };
  const listeners = Object.entries({
    'cache:hit': count(hits),
    hit: count(hits),
    'cache:miss': count(misses),
    miss: count(misses),
  });
  for (const [event, listener] of listeners) cache.on(event as never, listener);
  return untilClosed(metrics, () => {
    active = false;
    for (const [event, listener] of listeners) cache.off?.(event as never, listener);
  });
}

const LAYERS = new Set(['l1', 'l2', 'primary', 'secondary']);

/** bentocache says `layer`, cacheable says `store`; both say it only of what was found or asked there. */
function layerOf(event: unknown): string {
  const { layer, store } = (typeof event === 'object' && event !== null ? event : {}) as Record<
    string,
    unknown
  >;
  for (const value of [layer, store]) if (typeof value === 'string' && LAYERS.has(value)) return value;
  return 'all';
}
