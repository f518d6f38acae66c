import type { Aggregate } from './family.js';
import type { Gauge } from './gauge.js';

/** What a counter is made of. */
export interface CounterOptions<L extends readonly string[] = readonly string[]> {
  /** One sentence for whoever reads `/metrics`. */
  help: string;
  /** Label names. @default [] */
  labels?: L | undefined;
  /** How cluster mode joins the workers' values. @default 'sum' */
  aggregate?: Aggregate | undefined;
}

/** What a gauge is made of. */
export interface GaugeOptions<L extends readonly string[] = readonly string[]> extends CounterOptions<L> {
  /** Called with the gauge before each scrape; may throw or hang, only this metric is then missing. */
  collect?: ((gauge: Gauge<L>) => unknown) | undefined;
}

/** What a histogram is made of. */
export interface HistogramOptions<L extends readonly string[] = readonly string[]> extends Omit<
  CounterOptions<L>,
  'aggregate'
> {
  /** Upper bounds, ascending. @default those of `createMetrics` */
  buckets?: readonly number[] | undefined;
}
