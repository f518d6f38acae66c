import { burnRateWindows } from './burn-rates.js';

/** A query that Prometheus keeps the answers of. */
export interface RecordingRule {
  record: string;
  expr: string;
}

const all = (window: string) => `sum by (job) (rate(http_requests_total[${window}]))`;

/** Share of 5xx; 0, not nothing, while there is traffic and no error. */
const errorRatio = (window: string) =>
  `(sum by (job) (rate(http_requests_total{status_code=~"5.."}[${window}])) or 0 * ${all(window)}) / ${all(window)}`;

/** Success rate, QPS and mean of the design page, p95, and what the burn rates look at. */
export const recordingRules: readonly RecordingRule[] = [
  { record: 'job:http_requests:rate5m', expr: all('5m') },
  {
    record: 'job_route:http_requests:rate5m',
    expr: 'sum by (job, method, route) (rate(http_requests_total[5m]))',
  },
  ...burnRateWindows.map((window) => ({
    record: `job:http_request_errors:ratio_rate${window}`,
    expr: errorRatio(window),
  })),
  { record: 'job:http_requests:success_ratio_rate5m', expr: `1 - (${errorRatio('5m')})` },
  {
    record: 'job:http_request_duration_seconds:mean5m',
    expr: 'sum by (job) (rate(http_request_duration_seconds_sum[5m])) / sum by (job) (rate(http_request_duration_seconds_count[5m]))',
  },
  {
    record: 'job:http_request_duration_seconds:p95_5m',
    expr: 'histogram_quantile(0.95, sum by (job, le) (rate(http_request_duration_seconds_bucket[5m])))',
  },
];
