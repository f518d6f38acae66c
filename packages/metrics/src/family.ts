import { createExemplars, type Exemplars } from './exemplars.js';
import { createSeries, type Series } from './series.js';

export type MetricType = 'counter' | 'gauge' | 'histogram';

/** How the values of several processes become one in cluster mode. */
export type Aggregate = 'sum' | 'max' | 'min' | 'average' | 'first';

/** One metric with all its series: what a scrape shows under one `# TYPE`. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly aggregate: Aggregate;
  readonly series: Series;
  /** Upper bounds, ascending, without +Inf; empty unless it is a histogram. */
  readonly bounds: readonly number[];
  /** Numbers a slot has in `values`: 1, or for a histogram its buckets, +Inf and the sum. */
  readonly stride: number;
  /** Replaced when it grows, so bound children reach it through the family. */
  values: Float64Array;
  readonly exemplars: Exemplars | undefined;
  reset(): void;
}

export interface FamilyOptions {
  name: string;
  help: string;
  type: MetricType;
  labelNames: readonly string[];
  bounds: readonly number[];
  aggregate: Aggregate;
  maxSeries: number;
  exemplars: boolean;
  now: () => number;
  onDropped: () => void;
}

export function createFamily(options: FamilyOptions): Family {
  const stride = options.type === 'histogram' ? options.bounds.length + 2 : 1;
  const family: Family = {
    name: options.name,
    help: options.help,
    type: options.type,
    aggregate: options.aggregate,
    bounds: options.bounds,
    stride,
    values: new Float64Array(stride * 4),
    exemplars: options.exemplars && options.type === 'histogram' ? createExemplars(options.now) : undefined,
    series: createSeries({
      labelNames: options.labelNames,
      maxSeries: options.maxSeries,
      onDropped: options.onDropped,
      onNew: (slot) => makeRoom(slot),
    }),
    reset() {
      family.values.fill(0);
      family.exemplars?.clear();
    },
  };
  const makeRoom = (slot: number) => {
    const needed = (slot + 1) * stride;
    if (needed <= family.values.length) return;
    const grown = new Float64Array(family.values.length * 2);
    grown.set(family.values);
    family.values = grown;
  };
  return family;
}

/** Cumulative counts by bucket, +Inf last, and the sum: one series of a histogram as Prometheus wants it. */
export function readHistogram(family: Family, slot: number): { counts: number[]; sum: number } {
  const { values, stride } = family;
  const start = slot * stride;
  const counts: number[] = [];
  let total = 0;
  for (let i = 0; i < stride - 1; i += 1) counts.push((total += values[start + i]!));
  return { counts, sum: values[start + stride - 1]! };
}
