import type { Counter } from './counter.js';
import type { Gauge } from './gauge.js';
import type { Histogram } from './histogram.js';
import type { CounterOptions, GaugeOptions, HistogramOptions } from './instruments.js';
import { checkLabelNames, checkMetricName, show } from './labels.js';
import { checkBuckets } from './options.js';
import type { Store } from './store.js';

/** Makes instruments; asking twice for a name gives the same one. */
export interface Instruments {
  /**
   * @throws MetricConflictError `KIT_METRICS_CONFLICT` when the name has another type or other labels
   * @throws RangeError for names that Prometheus refuses
   */
  counter<const L extends readonly string[] = []>(name: string, options: CounterOptions<L>): Counter<L>;
  /** @throws as `counter` does */
  gauge<const L extends readonly string[] = []>(name: string, options: GaugeOptions<L>): Gauge<L>;
  /** @throws as `counter` does */
  histogram<const L extends readonly string[] = []>(name: string, options: HistogramOptions<L>): Histogram<L>;
}

export function createInstruments(
  instrument: Store['instrument'],
  prefix: string,
  defaultBounds: readonly number[],
): Instruments {
  const request = (name: string, given: Partial<GaugeOptions> | undefined, reserved: string[] = []) => {
    checkMetricName(name);
    const options = checkOptions(given);
    const labelNames = options.labels ?? [];
    checkLabelNames(labelNames, reserved);
    const full = `${prefix}${name}`;
    return { name: full, help: options.help ?? full, labelNames: [...labelNames], bounds: [] as number[] };
  };
  return {
    counter: (name, options) =>
      instrument({
        ...request(name, options),
        type: 'counter',
        aggregate: options?.aggregate ?? 'sum',
      }) as never,
    gauge: (name, options) =>
      instrument({
        ...request(name, options),
        type: 'gauge',
        aggregate: options?.aggregate ?? 'sum',
        collect: options?.collect,
      }) as never,
    histogram: (name, options) =>
      instrument({
        ...request(name, options, ['le']),
        type: 'histogram',
        aggregate: 'sum',
        bounds: options?.buckets === undefined ? defaultBounds : checkBuckets('buckets', options.buckets),
      }) as never,
  };
}

const AGGREGATES: readonly unknown[] = ['sum', 'max', 'min', 'average', 'first'];

/** What would fail at the first scrape, and take the whole page with it, fails here. */
function checkOptions(given: Partial<GaugeOptions> | undefined): Partial<GaugeOptions> {
  const { help, aggregate, collect } = given ?? {};
  if (help !== undefined && typeof help !== 'string') {
    throw new TypeError(`help must be a string, got ${show(help)}`);
  }
  if (aggregate !== undefined && !AGGREGATES.includes(aggregate)) {
    throw new RangeError(`aggregate must be one of ${AGGREGATES.join(', ')}, got ${show(aggregate)}`);
  }
  if (collect !== undefined && typeof collect !== 'function') {
    throw new TypeError(`collect must be a function, got ${show(collect)}`);
  }
  return given ?? {};
}
