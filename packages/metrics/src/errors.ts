const brand = Symbol.for('@kit/metrics/error');

/** A name is taken by a metric with another type or other labels, or by a metric that is not kit's. */
export class MetricConflictError extends Error {
  override readonly name = 'MetricConflictError';
  readonly code = 'KIT_METRICS_CONFLICT';
  /** The full name, prefix included. */
  readonly metric: string;

  constructor(metric: string, what: string, options?: ErrorOptions) {
    super(`Metric "${metric}" ${what}`, options);
    this.metric = metric;
    Object.defineProperty(this, brand, { value: true });
  }
}

/**
 * Whether an error says that a metric's name is taken, whichever copy of the package threw it.
 * @example
 * import { isMetricConflictError } from '@kit/metrics';
 * const taken = (error: unknown) => (isMetricConflictError(error) ? error.metric : undefined);
 */
export function isMetricConflictError(error: unknown): error is MetricConflictError {
  return (
    typeof error === 'object' &&
    error !== null &&
    brand in error &&
    (error as { code?: unknown }).code === 'KIT_METRICS_CONFLICT'
  );
}

/** What somebody else threw, in one short line: it may hold anything. */
export function describe(error: unknown): string {
  try {
    const text = error instanceof Error ? error.message : String(error);
    return text.slice(0, 300).replaceAll(/[\s\p{Cc}]+/gu, ' ');
  } catch {
    return 'an error without a text';
  }
}
