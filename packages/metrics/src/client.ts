/** The part of a registry, `prom-client`'s or `@prometheus-io/client`'s, that is used here. */
export interface PrometheusRegistry {
  registerMetric(metric: never): void;
  getMetricsAsArray(): readonly unknown[];
  getSingleMetric(name: string): unknown;
  metrics(): Promise<string>;
  readonly contentType: string;
}

/** The part of a client, the module `prom-client` or `@prometheus-io/client`, that is used here. */
export interface PrometheusClient {
  Registry: new () => PrometheusRegistry;
  collectDefaultMetrics(config?: never): void;
}

/** One sample as the clients' `get()` gives it. */
export interface ForeignValue {
  value: number;
  labels?: Readonly<Record<string, unknown>>;
  metricName?: string;
  exemplar?: { labelSet?: Readonly<Record<string, unknown>>; value: number; timestamp?: number } | undefined;
}

/** One metric as the clients' `get()` gives it. */
export interface ForeignFamily {
  name: string;
  help?: string;
  type?: string;
  aggregator?: string;
  values?: readonly ForeignValue[];
}

/** A metric that sits in a registry: the clients' own, or `RegisteredFamily`. */
export interface ForeignMetric {
  name: string;
  get(): ForeignFamily | Promise<ForeignFamily>;
}

export const OPENMETRICS = 'application/openmetrics-text';
