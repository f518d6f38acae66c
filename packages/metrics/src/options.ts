import type { PrometheusClient, PrometheusRegistry } from './client.js';
import { checkLabelNames, labelValue, show } from './labels.js';
import type { HttpNaming } from './http-naming.js';

/** Where the few lines that matter go; pino and console both fit. */
export interface MetricsLogger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** What `createMetrics` takes. */
export interface MetricsOptions {
  /** `prom-client` 15 or `@prometheus-io/client`, the module itself. Its global registry is never touched. */
  client: PrometheusClient;
  /** A registry of that client, with your own metrics in it if you like. @default a new one */
  registry?: PrometheusRegistry | undefined;
  /** Put before every name. @default '' */
  prefix?: string | undefined;
  /** On every series of the page; a metric's own label of the same name wins. @default {} */
  defaultLabels?: Readonly<Record<string, string>> | undefined;
  /** Series a metric may have before new ones go to `__overflow__`. Range 1 to 1,000,000. @default 2000 */
  maxSeriesPerMetric?: number | undefined;
  /**
   * Bounds of histograms that name none, in seconds: OpenTelemetry's fourteen and 2.
   * @default 'default'
   */
  buckets?: 'default' | readonly number[] | undefined;
  /** Trace ids beside histogram buckets, in OpenMetrics only. @default true */
  exemplars?: boolean | undefined;
  /** Node's event loop, GC, memory and CPU, by the client. @default true */
  defaultMetrics?: boolean | undefined;
  /** @default process.emitWarning for warnings */
  logger?: MetricsLogger | undefined;
  /** Names of the HTTP metrics; `otelNaming` of `@kit/metrics/otel` is the other choice. */
  naming?: HttpNaming | undefined;
  /** Milliseconds since 1970. @default Date.now */
  now?: (() => number) | undefined;
}

/**
 * OpenTelemetry's boundaries for request durations and 2, so that the thresholds of the alerts lie on a
 * boundary (semantic conventions, HTTP metrics: `http.server.request.duration`).
 */
export const DEFAULT_BUCKETS: readonly number[] = Object.freeze([
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2, 2.5, 5, 7.5, 10,
]);

export function checkClient(given: unknown): PrometheusClient {
  const client = unwrapped(given);
  if (typeof client?.Registry !== 'function' || typeof client.collectDefaultMetrics !== 'function') {
    throw new TypeError(`client must be the module prom-client or @prometheus-io/client, got ${show(given)}`);
  }
  return client as PrometheusClient;
}

export function checkRegistry(registry: unknown): PrometheusRegistry {
  const found = registry as Partial<PrometheusRegistry> | null | undefined;
  if (typeof found?.registerMetric !== 'function' || typeof found.getMetricsAsArray !== 'function') {
    throw new TypeError(`registry must be a Registry of the client, got ${show(registry)}`);
  }
  return registry as PrometheusRegistry;
}

/** `null` is a value that somebody gave, not an option left out. */
export function withDefault<T>(given: T | undefined, fallback: T): T {
  return given === undefined ? fallback : given;
}

export function checkSwitch(option: string, given: unknown): boolean {
  if (typeof given !== 'boolean') throw new TypeError(`${option} must be true or false, got ${show(given)}`);
  return given;
}

export function checkLogger(given: MetricsLogger | undefined): MetricsLogger | undefined {
  if (given !== undefined && typeof given?.warn !== 'function') {
    throw new TypeError(`logger must have info, warn and error, got ${show(given)}`);
  }
  return given;
}

export function checkNaming(given: HttpNaming): HttpNaming {
  if (typeof given?.duration !== 'string' || typeof given.labels?.route !== 'string') {
    throw new TypeError(
      `naming must be the names of the HTTP metrics, such as otelNaming, got ${show(given)}`,
    );
  }
  return given;
}

export function checkClock(given: () => number): () => number {
  if (typeof given !== 'function') throw new TypeError(`now must be a function, got ${show(given)}`);
  return given;
}

export function checkBuckets(option: string, given: unknown): readonly number[] {
  if (given === undefined || given === 'default') return DEFAULT_BUCKETS;
  if (!Array.isArray(given) || given.length === 0 || given.length > 200) {
    throw new TypeError(`${option} must be 'default' or an array of 1 to 200 numbers, got ${show(given)}`);
  }
  for (const [i, bound] of (given as unknown[]).entries()) {
    if (typeof bound !== 'number' || !Number.isFinite(bound)) {
      throw new RangeError(`${option} must be finite numbers, got ${show(bound)}`);
    }
    if (i > 0 && bound <= (given[i - 1] as number)) {
      throw new RangeError(`${option} must be ascending without repetition, got ${show(given)}`);
    }
  }
  return Object.freeze([...(given as number[])]);
}

export function checkNumber(option: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw new RangeError(`${option} must be a number from ${min} to ${max}, got ${show(value)}`);
  }
  return value;
}

export function checkWhole(option: string, value: unknown, min: number, max: number): number {
  if (!Number.isInteger(value)) throw new RangeError(`${option} must be a whole number, got ${show(value)}`);
  return checkNumber(option, value, min, max);
}

export function checkDefaultLabels(labels: unknown): Readonly<Record<string, string>> {
  if (labels === undefined) return {};
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) {
    throw new TypeError(`defaultLabels must be an object of strings, got ${show(labels)}`);
  }
  checkLabelNames(Object.keys(labels), ['le', 'quantile']);
  return Object.freeze(
    Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, labelValue(value, name)])),
  );
}

/** `import * as client` of a CommonJS module has the module under `default` too. */
function unwrapped(given: unknown): Partial<PrometheusClient> | undefined {
  const found = given as (Partial<PrometheusClient> & { default?: unknown }) | null | undefined;
  if (found && found.Registry === undefined && found.default) return found.default;
  return found ?? undefined;
}
