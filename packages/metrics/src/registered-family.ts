import type { ForeignFamily, ForeignMetric, ForeignValue } from './client.js';
import { OPENMETRICS, type PrometheusRegistry } from './client.js';
import { type Family, readHistogram } from './family.js';

/** What kit puts into the user's registry, so that `registry.metrics()` and the client's cluster mode see it too. */
export interface RegisteredFamily extends ForeignMetric {
  readonly family: Family;
}

export function isRegisteredFamily(metric: unknown): metric is RegisteredFamily {
  return typeof metric === 'object' && metric !== null && registered.has(metric);
}

const registered = new WeakSet<object>();

export function registerFamily(
  registry: PrometheusRegistry,
  family: Family,
  defaultLabels: Readonly<Record<string, string>>,
  collect: () => Promise<unknown>,
): void {
  const metric = {
    family,
    help: family.help,
    type: family.type,
    aggregator: family.aggregate,
    // The clients rename counters in place while they write OpenMetrics; ours keep their name.
    get name() {
      return family.name;
    },
    set name(_renamed: string) {},
    async get(): Promise<ForeignFamily> {
      await collect();
      return snapshotOf(family, defaultLabels, registry.contentType.startsWith(OPENMETRICS));
    },
    reset: () => family.reset(),
  };
  registered.add(metric);
  registry.registerMetric(metric as never);
}

/** A family as plain data in the clients' shape; `openMetrics` drops `_total`, which their writer adds again. */
export function snapshotOf(
  family: Family,
  defaultLabels: Readonly<Record<string, string>>,
  openMetrics: boolean,
): ForeignFamily {
  const dropsSuffix = openMetrics && family.type === 'counter';
  return {
    name: dropsSuffix ? family.name.replace(/_total$/, '') : family.name,
    help: family.help,
    type: family.type,
    aggregator: family.aggregate,
    values: family.series.values.flatMap((_, slot) => valuesOf(family, slot, defaultLabels)),
  };
}

function valuesOf(
  family: Family,
  slot: number,
  defaultLabels: Readonly<Record<string, string>>,
): ForeignValue[] {
  const own = family.series.labelNames.map((name, i) => [name, family.series.values[slot]![i]!] as const);
  const labels = { ...defaultLabels, ...Object.fromEntries(own) };
  if (family.type !== 'histogram') return [{ labels, value: family.values[slot]! }];
  const { counts, sum } = readHistogram(family, slot);
  const buckets = counts.map((value, i): ForeignValue => {
    const exemplar = family.exemplars?.at(slot * counts.length + i);
    return {
      metricName: `${family.name}_bucket`,
      labels: { ...labels, le: i < family.bounds.length ? family.bounds[i] : '+Inf' },
      value,
      ...(exemplar && {
        exemplar: {
          labelSet: { trace_id: exemplar.traceId },
          value: exemplar.value,
          timestamp: exemplar.atMs / 1_000,
        },
      }),
    };
  });
  return [
    ...buckets,
    { metricName: `${family.name}_sum`, labels, value: sum },
    { metricName: `${family.name}_count`, labels, value: counts.at(-1)! },
  ];
}
