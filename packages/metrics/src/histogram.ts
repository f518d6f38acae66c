import type { Family } from './family.js';
import { type Labels, type LabelValues, show } from './labels.js';

/** One series of a histogram. */
export interface BoundHistogram {
  /**
   * @param value In the unit of the name, seconds or bytes.
   * @throws RangeError when it is no finite number.
   */
  observe(value: number): void;
}

/**
 * How values spread: durations in seconds, sizes in bytes.
 * @example
 * import client from 'prom-client';
 * import { createMetrics } from '@kit/metrics';
 * const metrics = createMetrics({ client });
 * const rows = metrics.histogram('import_rows', { help: 'Rows a file', labels: ['kind'], buckets: [10, 100, 1_000] });
 * rows.observe({ kind: 'csv' }, 42);
 */
export interface Histogram<L extends readonly string[] = readonly string[]> {
  readonly name: string;
  observe(value: number): void;
  observe(labels: Labels<L>, value: number): void;
  /** The series with these values, in the order of `labels`. */
  child(...values: LabelValues<L>): BoundHistogram;
}

export function createHistogram(family: Family): Histogram {
  const children: BoundHistogram[] = [];
  const at = (slot: number) => (children[slot] ??= new HistogramChild(family, slot));
  if (family.series.labelNames.length === 0) at(family.series.slotOf([]));
  return {
    name: family.name,
    observe(first: Labels<readonly string[]> | number, value?: number) {
      if (typeof first === 'object' && first !== null) {
        at(family.series.slotOfLabels(first)).observe(value!);
      } else {
        at(family.series.slotOfLabels({})).observe(first);
      }
    },
    child: (...values) => at(family.series.slotOf(values)),
  };
}

/** Observes with a trace id that was taken earlier; `index` and order are those of `observe`. */
export function observeTraced(child: BoundHistogram, value: number, traceId: string | undefined): void {
  (child as HistogramChild).observeTraced(value, traceId);
}

class HistogramChild implements BoundHistogram {
  private readonly start: number;

  constructor(
    private readonly family: Family,
    private readonly slot: number,
  ) {
    this.start = slot * family.stride;
  }

  observe(value: number): void {
    const bucket = this.record(value);
    const { exemplars, bounds } = this.family;
    if (exemplars !== undefined) exemplars.offerCurrent(this.slot * (bounds.length + 1) + bucket, value);
  }

  observeTraced(value: number, traceId: string | undefined): void {
    const bucket = this.record(value);
    const { exemplars, bounds } = this.family;
    exemplars?.offer(this.slot * (bounds.length + 1) + bucket, value, traceId);
  }

  private record(value: number): number {
    if (!Number.isFinite(value)) {
      throw new RangeError(
        `value of histogram "${this.family.name}" must be a finite number, got ${show(value)}`,
      );
    }
    const { bounds, values, stride } = this.family;
    const last = bounds.length;
    let bucket = 0;
    while (bucket < last && value > bounds[bucket]!) bucket += 1;
    values[this.start + bucket]! += 1;
    values[this.start + stride - 1]! += value;
    return bucket;
  }
}
