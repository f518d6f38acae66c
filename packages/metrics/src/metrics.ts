import { createActiveUsers } from './active-users.js';
import { type Business, createBusiness } from './business.js';
import type { PrometheusRegistry } from './client.js';
import { createHandler, type HandlerOptions, type MetricsHandler } from './handler.js';
import { describe } from './errors.js';
import { endWhatMeasures } from './closing.js';
import { createHttpTracker, type TrackHttp } from './http.js';
import { kitNaming } from './http-naming.js';
import { createInstruments, type Instruments } from './instrument-maker.js';
import { checkMetricName, show } from './labels.js';
import {
  checkBuckets,
  checkClient,
  checkClock,
  checkDefaultLabels,
  checkLogger,
  checkNaming,
  checkRegistry,
  checkSwitch,
  checkWhole,
  type MetricsLogger,
  type MetricsOptions,
  withDefault,
} from './options.js';
import { addProcessMetrics } from './process-metrics.js';
import { scrape, type ScrapeSource } from './scrape.js';
import { joinProcess } from './process-sources.js';
import { createStore } from './store.js';

/** Everything a service measures, in one registry. */
export interface Metrics extends Instruments {
  /** The registry of the injected client; `await registry.metrics()` shows kit's series too. */
  readonly registry: PrometheusRegistry;
  /** Counts and times business operations. */
  readonly business: Business;
  /** Serves the page on plain `node:http` objects. */
  handler(options?: HandlerOptions): MetricsHandler;
  /** Runs before every scrape; may throw or hang without harm to the rest. Returns how to end it. */
  onScrape(name: string, fn: () => unknown): () => void;
  /** Measures one request; what the adapters call. */
  readonly trackHttp: TrackHttp;
  /** Ends what this package started; the values stay readable. */
  close(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Metrics in a registry of the client you inject.
 * @throws TypeError, RangeError naming the option, for options that make no sense
 * @example
 * import client from 'prom-client';
 * import { createMetrics } from '@kit/metrics';
 * const metrics = createMetrics({ client, prefix: 'shop_', defaultLabels: { service: 'shop' } });
 */
export function createMetrics(options: MetricsOptions): Metrics {
  const settings = check(options);
  const { client, registry, defaultLabels, logger, now } = settings;
  const once = oncePerKey(logger);

  const store = createStore({
    ...settings,
    collectTimeoutMs: 2_000,
    onDropped(metric) {
      if (metric !== dropped.name) dropped.inc({ metric });
      once(
        `${metric} dropped`,
        `[kit/metrics] "${metric}" has ${settings.maxSeries} series; new label sets go to __overflow__ (kit_metrics_series_dropped_total counts them)`,
      );
    },
  });
  const instruments = createInstruments(store.instrument, settings.prefix, settings.bounds);
  const dropped = instruments.counter('kit_metrics_series_dropped_total', {
    help: 'Label sets that went to __overflow__ because their metric is at its ceiling.',
    labels: ['metric'],
  });
  const failures = instruments.counter('kit_metrics_collect_failures_total', {
    help: 'Times a metric was left out of a scrape because its collect failed or hung.',
    labels: ['metric'],
  });
  const source: ScrapeSource = {
    registry,
    store,
    defaultLabels,
    onCollectFailed(metric, error) {
      failures.inc({ metric });
      once(`${metric} failed`, `[kit/metrics] "${metric}" is missing from scrapes: ${describe(error)}`);
    },
  };

  if (settings.defaultMetrics) {
    const { prefix } = settings;
    // A second createMetrics on this registry finds them there.
    if (registry.getSingleMetric(`${prefix}process_cpu_seconds_total`) === undefined) {
      client.collectDefaultMetrics({ register: registry, prefix } as never);
    }
  }
  const ends: (() => void)[] = [joinProcess(source)];
  const onScrape = (name: string, fn: () => unknown) => {
    if (typeof name !== 'string' || name === '') {
      throw new TypeError(`name of onScrape must be a non-empty string, got ${show(name)}`);
    }
    if (typeof fn !== 'function') throw new TypeError(`fn of onScrape must be a function, got ${show(fn)}`);
    const end = store.collectors.add(name, fn);
    ends.push(end);
    return end;
  };
  if (settings.defaultMetrics) addProcessMetrics(registry, instruments, onScrape);
  let trackHttp: TrackHttp | undefined;

  const metrics: Metrics = {
    ...instruments,
    registry,
    business: createBusiness(instruments, createActiveUsers(registry, instruments, onScrape, now)),
    onScrape,
    get trackHttp() {
      // Only a service that serves HTTP shows HTTP metrics.
      return (trackHttp ??= createHttpTracker(instruments, settings.naming, settings.exemplars));
    },
    handler: (handlerOptions) =>
      createHandler(
        {
          now,
          warn: (text) => once('scrape', text),
          page: (format, timeoutMs) => scrape(source, format, timeoutMs),
        },
        handlerOptions,
      ),
    close,
    [Symbol.asyncDispose]: async () => close(),
  };
  return metrics;

  function close() {
    endWhatMeasures(metrics);
    for (const end of ends.splice(0)) end();
  }
}

function check(options: MetricsOptions) {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('options must be an object with client');
  }
  const client = checkClient(options.client);
  const prefix = options.prefix ?? '';
  if (prefix !== '') checkMetricName(prefix, 'prefix');
  return {
    client,
    registry: checkRegistry(withDefault(options.registry, new client.Registry())),
    prefix,
    defaultLabels: checkDefaultLabels(options.defaultLabels),
    maxSeries: checkWhole('maxSeriesPerMetric', withDefault(options.maxSeriesPerMetric, 2_000), 1, 1_000_000),
    bounds: checkBuckets('buckets', options.buckets),
    exemplars: checkSwitch('exemplars', withDefault(options.exemplars, true)),
    defaultMetrics: checkSwitch('defaultMetrics', withDefault(options.defaultMetrics, true)),
    logger: checkLogger(options.logger),
    naming: checkNaming(withDefault(options.naming, kitNaming)),
    now: checkClock(withDefault(options.now, Date.now)),
  };
}

/** A line a problem, not a line a request, however often its words change. */
function oncePerKey(logger: MetricsLogger | undefined): (key: string, message: string) => void {
  const said = new Set<string>();
  return (key, message) => {
    if (said.has(key) || said.size >= 1_000) return;
    said.add(key);
    try {
      if (logger) logger.warn(message);
      else process.emitWarning(message);
    } catch {
      // A logger that fails must not fail whoever counted something.
    }
  };
}
