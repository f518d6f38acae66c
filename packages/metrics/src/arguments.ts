import { show } from './labels.js';
import type { Metrics } from './metrics.js';

/**
 * The `metrics` somebody handed in, recognised by what it can do.
 * @internal
 * @throws TypeError when it is not what `createMetrics` gives
 */
export function checkMetrics(given: unknown): Metrics {
  const metrics = given as Partial<Metrics> | null | undefined;
  if (typeof metrics?.counter !== 'function' || typeof metrics.onScrape !== 'function') {
    throw new TypeError(`metrics must be what createMetrics gives, got ${show(given)}`);
  }
  return metrics as Metrics;
}

/** @throws TypeError when the argument lacks one of the methods */
export function checkMethods(name: string, given: unknown, methods: readonly string[]): void {
  for (const method of methods) {
    if (typeof (given as Record<string, unknown> | null | undefined)?.[method] !== 'function') {
      throw new TypeError(`${name} must have ${method}(), got ${show(given)}`);
    }
  }
}
