import { EventEmitter } from 'node:events';
import successor from '@prometheus-io/client';
import client from 'prom-client';
import { isRegisteredFamily } from '../src/registered-family.ts';
import {
  createMetrics,
  instrumentCache,
  instrumentKnex,
  instrumentQueue,
  instrumentRedis,
  observeKit,
  type PrometheusClient,
} from '../src/index.ts';
import type { ForeignMetric } from '../src/client.ts';

export interface CataloguedMetric {
  name: string;
  type: string;
  help: string;
  labels: readonly string[];
  /** Who emits it: the heading it stands under in docs/metrics.md. */
  from: string;
}

/** Every metric this package emits, read off the instruments themselves. */
export async function catalogue(): Promise<CataloguedMetric[]> {
  const found = new Map<string, CataloguedMetric>();
  for (const candidate of [client, successor]) {
    for (const metric of await metricsOf(candidate)) {
      if (!found.has(metric.name)) found.set(metric.name, metric);
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function metricsOf(given: PrometheusClient): Promise<CataloguedMetric[]> {
  const metrics = createMetrics({ client: given });
  void metrics.trackHttp;
  observeKit(metrics)();
  const emitter = Object.assign(new EventEmitter(), {
    client: {},
    name: 'q',
    info: async () => '',
    getJobCounts: async () => ({}),
  });
  instrumentKnex(metrics, emitter);
  instrumentRedis(metrics, emitter);
  instrumentCache(metrics, emitter);
  instrumentQueue(metrics, emitter);
  metrics.close();
  return Promise.all(
    metrics.registry.getMetricsAsArray().map(async (metric) => {
      if (!isRegisteredFamily(metric))
        return describeForeign(metric as ForeignMetric & { labelNames?: string[] });
      const { name, type, help, series } = metric.family;
      return { name, type, help, labels: series.labelNames, from: sourceOf(name) };
    }),
  );
}

async function describeForeign(metric: ForeignMetric & { labelNames?: string[] }): Promise<CataloguedMetric> {
  const { name, type = 'untyped', help = '' } = await metric.get();
  return { name, type, help, labels: metric.labelNames ?? [], from: 'Node and the process, by the client' };
}

const sources: readonly (readonly [RegExp, string])[] = [
  [/^http_/, 'HTTP'],
  [/^business_/, 'Business'],
  [/^kit_(breaker|tx|saga|outbox|health|errors|trace)_/, 'Other kit packages (`observeKit`)'],
  [/^kit_db_/, 'Database (`instrumentKnex`)'],
  [/^kit_redis_/, 'Redis (`instrumentRedis`)'],
  [/^kit_cache_/, 'Cache (`instrumentCache`)'],
  [/^kit_(queue|job)/, 'Queues (`instrumentQueue`)'],
  [/^kit_(metrics|process)_/, 'This package and the process'],
];

function sourceOf(name: string): string {
  const found = sources.find(([pattern]) => pattern.test(name));
  if (!found) throw new Error(`${name} has no heading in docs/metrics.md: add one to scripts/catalogue.ts`);
  return found[1];
}
