import type { LabelValue } from './labels.js';
import type { Aggregate } from './family.js';

/** A value for every label by name; `undefined` is the empty string. */
export type Labels<L extends readonly string[]> = { readonly [K in L[number]]: LabelValue };

/** A value for every label, in the order of `labels`. */
export type LabelValues<L extends readonly string[]> = { readonly [K in keyof L]: LabelValue };

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
  /** Called before each scrape; may throw or hang, only this metric is then missing. */
  collect?: (() => unknown) | undefined;
}

/** What a histogram is made of. */
export interface HistogramOptions<L extends readonly string[] = readonly string[]> extends Omit<
  CounterOptions<L>,
  'aggregate'
> {
  /** Upper bounds, ascending. @default those of `createMetrics` */
  buckets?: readonly number[] | undefined;
}
