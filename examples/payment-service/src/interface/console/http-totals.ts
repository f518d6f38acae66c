import type { HttpPort } from './ports.ts';

/** The part of a prom-client registry that is read here. */
interface Registry {
  getSingleMetric(name: string): unknown;
}

interface Value {
  readonly metricName?: string;
  readonly labels?: Readonly<Record<string, unknown>>;
  readonly value: number;
}

/**
 * The console's `http` port over the metrics that are there anyway: nothing is counted twice, and the plots say what
 * Prometheus says. Series of `ignore` are left out: probes, scrapes, and the console itself, whose streams last for hours.
 *
 * @param ignore Gets the route template. @default the routes of health, metrics and admin
 */
export function httpTotals(
  registry: Registry,
  { metric = 'http_request_duration_seconds', ignore = isOperational } = {},
): HttpPort {
  return async () => {
    const histogram = registry.getSingleMetric(metric) as
      | { get(): { values?: readonly Value[] } | Promise<{ values?: readonly Value[] }> }
      | undefined;
    if (histogram === undefined) throw new Error(`there is no metric ${metric}`);
    const { values = [] } = await histogram.get();
    const buckets = new Map<number, number>();
    let requests = 0;
    let errors = 0;
    for (const { metricName, labels = {}, value } of values) {
      if (ignore(String(labels.route))) continue;
      if (metricName?.endsWith('_count')) {
        requests += value;
        if (Number(labels.status_code) >= 500) errors += value;
      } else if (metricName?.endsWith('_bucket')) {
        const bound = labels.le === '+Inf' ? Infinity : Number(labels.le);
        buckets.set(bound, (buckets.get(bound) ?? 0) + value);
      }
    }
    return { requests, errors, buckets: [...buckets].toSorted(([a], [b]) => a - b) };
  };
}

const isOperational = (route: string) => /^\/(health|metrics|admin|docs)(\/|$)/.test(route);
