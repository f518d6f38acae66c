import type { ForeignFamily, ForeignMetric, PrometheusRegistry } from './client.js';
import { familyLines, foreignLines, type Format } from './exposition.js';
import { type Page, writePage } from './page.js';
import { isRegisteredFamily, snapshotOf } from './registered-family.js';
import type { Store } from './store.js';

/** What a scrape reads and whom it tells. */
export interface ScrapeSource {
  readonly registry: PrometheusRegistry;
  readonly store: Store;
  readonly defaultLabels: Readonly<Record<string, string>>;
  onCollectFailed(metric: string, error: unknown): void;
}

/** One page from everything in the registry; what fails or hangs is left out, nothing else. */
export async function scrape(source: ScrapeSource, format: Format, timeoutMs: number): Promise<Page> {
  const { failed, foreign } = await collect(source, timeoutMs);
  const defaults = defaultsOf(source);
  return writePage(format, lines());

  function* lines() {
    for (const metric of source.registry.getMetricsAsArray()) {
      if (isRegisteredFamily(metric)) {
        if (!failed.has(metric.family.name)) yield* familyLines(metric.family, format, defaults);
      } else {
        const found = foreign.get(metric as ForeignMetric);
        if (found) yield* foreignLines(found, format, defaults);
      }
    }
  }
}

/** The same as plain data, for another process to add up. */
export async function snapshot(source: ScrapeSource, timeoutMs: number): Promise<ForeignFamily[]> {
  const { failed, foreign } = await collect(source, timeoutMs);
  const defaults = defaultsOf(source);
  return source.registry.getMetricsAsArray().flatMap((metric) => {
    if (isRegisteredFamily(metric)) {
      return failed.has(metric.family.name) ? [] : snapshotOf(metric.family, defaults, false);
    }
    const found = foreign.get(metric as ForeignMetric);
    if (!found) return [];
    const values = found.values?.map((sample) => ({ ...sample, labels: { ...defaults, ...sample.labels } }));
    return { ...found, values: values ?? [] };
  });
}

async function collect(source: ScrapeSource, timeoutMs: number) {
  const { store, registry } = source;
  const others = registry
    .getMetricsAsArray()
    .filter((metric): metric is ForeignMetric => !isRegisteredFamily(metric));
  const foreign = new Map<ForeignMetric, ForeignFamily>();
  const [failed] = await Promise.all([
    store.collectors.run(timeoutMs),
    ...others.map(async (metric) => {
      const { name } = metric;
      const result = await store.guard.attempt(metric, () => familyOf(metric), timeoutMs);
      if (result.ok) foreign.set(metric, { ...result.value, name: nameOf(registry, metric, result.value) });
      else source.onCollectFailed(name, result.error);
    }),
  ]);
  for (const [metric, error] of failed) source.onCollectFailed(metric, error);
  return { failed, foreign };
}

/** @throws TypeError for what no client's metric would give, so that it costs its own lines only. */
async function familyOf(metric: ForeignMetric): Promise<ForeignFamily> {
  const family: Partial<ForeignFamily> | undefined = await metric.get();
  const values: unknown = family?.values ?? [];
  if (typeof family?.name !== 'string' || !Array.isArray(values) || values.includes(null)) {
    throw new TypeError('its get() gave no metric');
  }
  return family as ForeignFamily;
}

// An OpenMetrics scrape by the client itself cuts `_total` off its counters' names for good; the
// registry still finds them under the name they were born with.
function nameOf(registry: PrometheusRegistry, metric: ForeignMetric, family: ForeignFamily): string {
  const whole = `${family.name}_total`;
  return family.type === 'counter' && registry.getSingleMetric(whole) === metric ? whole : family.name;
}

/** Our default labels, and those the user set on the registry itself, where both clients keep them. */
function defaultsOf({ registry, defaultLabels }: ScrapeSource): Record<string, string> {
  const labels = (registry as { _defaultLabels?: unknown })._defaultLabels;
  return { ...(typeof labels === 'object' && labels !== null ? labels : {}), ...defaultLabels };
}
