import { checkMethods, checkMetrics } from './arguments.js';
import { untilClosed } from './closing.js';
import type { Metrics } from './metrics.js';

/** Anything that lists sagas by status, such as the `sagas` of `@kit/tx`. */
export interface SagasLike {
  list(options: { status: 'stuck' }): Promise<readonly { readonly name: string }[]>;
}

/**
 * Reads the stuck sagas from where they are stored, at each scrape: right after a restart, and after an operator
 * resolved one through another process, which no event can tell. Returns `stop()`.
 * @example
 * import client from 'prom-client';
 * import { createMetrics, instrumentSagas, type SagasLike } from '@kit/metrics';
 * declare const sagas: SagasLike;
 * instrumentSagas(createMetrics({ client }), sagas);
 */
export function instrumentSagas(metrics: Metrics, sagas: SagasLike): () => void {
  checkMetrics(metrics);
  checkMethods('sagas', sagas, ['list']);
  const gauge = metrics.gauge('kit_saga_stuck', {
    help: 'Sagas that can go neither forward nor back and wait for an operator.',
    labels: ['name'],
    aggregate: 'max',
  });
  const seen = new Set<string>();
  const endScrape = metrics.onScrape('kit_saga_stuck', async () => {
    const counts = new Map<string, number>();
    for (const { name } of await sagas.list({ status: 'stuck' }))
      counts.set(name, (counts.get(name) ?? 0) + 1);
    for (const name of counts.keys()) seen.add(name);
    for (const name of seen) gauge.child(name).set(counts.get(name) ?? 0);
  });
  return untilClosed(metrics, endScrape);
}
