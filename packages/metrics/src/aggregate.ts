import type { ForeignFamily, ForeignValue } from './client.js';

/** Joins what several processes said of the same metrics, as each metric wants to be joined. */
export function aggregate(processes: readonly (readonly ForeignFamily[])[]): ForeignFamily[] {
  const byName = new Map<string, ForeignFamily[]>();
  for (const family of processes.flat()) {
    const same = byName.get(family.name);
    if (same) same.push(family);
    else byName.set(family.name, [family]);
  }
  return [...byName.values()]
    .filter(([first]) => first!.aggregator !== 'omit')
    .map((same) => ({ ...same[0]!, values: joinValues(same) }));
}

/** What outlives its process: counts. A gauge or a quantile of a process that ended says nothing any more. */
export function keepSums(families: readonly ForeignFamily[]): ForeignFamily[] {
  return families
    .filter(({ type }) => type === 'counter' || type === 'histogram' || type === 'summary')
    .map((family) => (family.type === 'summary' ? { ...family, values: countsOf(family) } : family));
}

const countsOf = ({ name, values = [] }: ForeignFamily) =>
  values.filter(({ metricName }) => metricName === `${name}_sum` || metricName === `${name}_count`);

function joinValues(families: readonly ForeignFamily[]): ForeignValue[] {
  const join = joins[families[0]!.aggregator ?? 'sum'] ?? joins.sum!;
  const bySeries = new Map<string, ForeignValue[]>();
  for (const sample of families.flatMap(({ values }) => values ?? [])) {
    const key = seriesKey(sample);
    const same = bySeries.get(key);
    if (same) same.push(sample);
    else bySeries.set(key, [sample]);
  }
  return [...bySeries.values()].map((same) => ({
    ...same[0]!,
    exemplar: newestExemplar(same),
    value: join(same.map(({ value }) => value)),
  }));
}

function newestExemplar(samples: readonly ForeignValue[]): ForeignValue['exemplar'] {
  return samples
    .map(({ exemplar }) => exemplar ?? undefined)
    .reduce((newest, next) => ((next?.timestamp ?? -1) > (newest?.timestamp ?? -1) ? next : newest));
}

function seriesKey({ metricName, labels }: ForeignValue): string {
  const sorted = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([metricName, sorted.map(([name, value]) => [name, String(value)])]);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

const joins: Readonly<Record<string, (values: readonly number[]) => number>> = {
  sum,
  max: (values) => Math.max(...values),
  min: (values) => Math.min(...values),
  average: (values) => sum(values) / values.length,
  first: (values) => values[0]!,
};
