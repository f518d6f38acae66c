import type { Counter } from './counter.js';
import { createCounter } from './counter.js';
import type { PrometheusRegistry } from './client.js';
import { type Collectors, createCollectors, createGuard, type Guard } from './collectors.js';
import { MetricConflictError } from './errors.js';
import { type Aggregate, createFamily, type Family, type MetricType } from './family.js';
import { createGauge, type Gauge } from './gauge.js';
import { createHistogram, type Histogram } from './histogram.js';
import { processWide } from './process-wide.js';
import { registerFamily } from './registered-family.js';

type Instrument = Counter | Gauge | Histogram;

/** What a metric is asked to be; `name` is the full one. */
export interface MetricRequest {
  name: string;
  help: string;
  type: MetricType;
  labelNames: readonly string[];
  bounds: readonly number[];
  aggregate: Aggregate;
  collect?: ((gauge: Gauge) => unknown) | undefined;
}

export interface StoreOptions {
  registry: PrometheusRegistry;
  maxSeries: number;
  exemplars: boolean;
  defaultLabels: Readonly<Record<string, string>>;
  collectTimeoutMs: number;
  now: () => number;
  onDropped(metric: string): void;
}

/** Get-or-create, by full name. */
export interface Store {
  readonly collectors: Collectors;
  readonly guard: Guard;
  readonly instrument: (request: MetricRequest) => Instrument;
}

interface Shared {
  readonly metrics: Map<string, { family: Family; instrument: Instrument }>;
  readonly guard: Guard;
  readonly collectors: Collectors;
}

// By registry, so that a second createMetrics on the same registry finds what the first one made.
const known = processWide('registries', () => new WeakMap<object, Shared>());

export function createStore(options: StoreOptions): Store {
  const { registry, defaultLabels, collectTimeoutMs } = options;
  const { metrics, guard, collectors } = sharedBy(registry);

  // registry.metrics() asks every metric in one turn: they share one run of the collectors.
  let running: Promise<unknown> | undefined;
  const collectOnce = () =>
    (running ??= collectors.run(collectTimeoutMs).finally(() => {
      running = undefined;
    }));

  const make = (request: MetricRequest) => {
    if (registry.getSingleMetric(request.name) !== undefined) {
      throw new MetricConflictError(
        request.name,
        'is already in the registry and was not made by kit; choose another name or a prefix',
      );
    }
    refuseSamplesOfAnother(registry, request);
    const family = createFamily({
      ...request,
      maxSeries: options.maxSeries,
      exemplars: options.exemplars,
      now: options.now,
      onDropped: () => options.onDropped(request.name),
    });
    registerFamily(registry, family, defaultLabels, collectOnce);
    const instrument = instrumentOf(family);
    metrics.set(request.name, { family, instrument });
    const { collect } = request;
    if (collect) collectors.add(request.name, () => collect(instrument as Gauge));
    return instrument;
  };

  return {
    collectors,
    guard,
    instrument(request) {
      const found = metrics.get(request.name);
      if (found === undefined) return make(request);
      refuseOther(found.family, request);
      // registry.clear() forgot it; whoever holds the instrument should still be seen.
      if (registry.getSingleMetric(request.name) === undefined) {
        registerFamily(registry, found.family, defaultLabels, collectOnce);
      }
      return found.instrument;
    },
  };
}

function sharedBy(registry: PrometheusRegistry): Shared {
  const found = known.get(registry);
  if (found) return found;
  const guard = createGuard();
  const shared: Shared = { metrics: new Map(), guard, collectors: createCollectors(guard) };
  known.set(registry, shared);
  return shared;
}

function instrumentOf(family: Family): Instrument {
  if (family.type === 'counter') return createCounter(family);
  return family.type === 'gauge' ? createGauge(family) : createHistogram(family);
}

function refuseOther(family: Family, request: MetricRequest): void {
  const was = `${family.type}(${family.series.labelNames.join(', ')})`;
  const wanted = `${request.type}(${request.labelNames.join(', ')})`;
  if (was !== wanted) {
    throw new MetricConflictError(request.name, `exists as ${was} and cannot be ${wanted} too`);
  }
  if (family.bounds.join() !== request.bounds.join()) {
    throw new MetricConflictError(
      request.name,
      `exists with buckets ${family.bounds.join(', ')} and cannot have ${request.bounds.join(', ')}`,
    );
  }
}

/** A histogram `x` has samples called x_bucket, x_sum and x_count; a metric of that name would be the same series twice. */
function refuseSamplesOfAnother(registry: PrometheusRegistry, { name, type }: MetricRequest): void {
  const typeOf = (metric: string) =>
    (registry.getSingleMetric(metric) as { type?: unknown } | undefined)?.type;
  const [, base = ''] = /^(.+)_(?:bucket|sum|count)$/.exec(name) ?? [];
  const other =
    type === 'histogram'
      ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`).find((sample) => typeOf(sample))
      : ['histogram', 'summary'].includes(String(typeOf(base))) && base;
  if (other) {
    throw new MetricConflictError(name, `would share samples with "${other}"; choose another name`);
  }
}
