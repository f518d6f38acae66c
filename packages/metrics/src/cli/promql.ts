/** A quantile of a histogram over five minutes. */
export function quantile(q: number, metric: string, by: string, matchers = ''): string {
  return `histogram_quantile(${q}, sum by (${by}, le) (rate(${metric}_bucket${matchers}[5m])))`;
}

/** A counter's rate over five minutes. */
export function rate(metric: string, by: string, matchers = ''): string {
  return `sum by (${by}) (rate(${metric}${matchers}[5m]))`;
}

/** `part / whole`, 0 where there is a whole and no part. */
export function share(part: string, whole: string): string {
  return `(${part} or 0 * ${whole}) / ${whole}`;
}
