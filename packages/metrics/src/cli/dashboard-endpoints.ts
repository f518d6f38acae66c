import type { DashboardSpec } from './grafana.js';
import { quantile, rate, share } from './promql.js';

const BY = 'method, route';
const LEGEND = '{{method}} {{route}}';

export const endpointsDashboard: DashboardSpec = {
  uid: 'kit-endpoints',
  title: 'Kit / Endpoints',
  description: 'Every route by its template.',
  panels: [
    { title: 'Requests', unit: 'reqps', queries: [[rate('http_requests_total', BY), LEGEND]] },
    {
      title: 'Latency, p95',
      unit: 's',
      queries: [[quantile(0.95, 'http_request_duration_seconds', BY), LEGEND]],
    },
    {
      title: 'Slowest ten, p95',
      unit: 's',
      queries: [[`topk(10, ${quantile(0.95, 'http_request_duration_seconds', BY)})`, LEGEND]],
    },
    {
      title: 'Error rate',
      unit: 'percentunit',
      queries: [
        [
          share(rate('http_requests_total', BY, '{status_code=~"5.."}'), rate('http_requests_total', BY)),
          LEGEND,
        ],
      ],
    },
    {
      title: 'Refused by us (4xx)',
      unit: 'reqps',
      queries: [
        [
          rate('http_requests_total', `${BY}, status_code`, '{status_code=~"4..",status_code!="499"}'),
          `${LEGEND} {{status_code}}`,
        ],
      ],
    },
    {
      title: 'Clients that left (499)',
      unit: 'reqps',
      queries: [[rate('http_requests_total', BY, '{status_code="499"}'), LEGEND]],
    },
    {
      title: 'Response size, p95',
      unit: 'bytes',
      queries: [[quantile(0.95, 'http_response_size_bytes', BY), LEGEND]],
    },
    {
      title: 'Bytes sent',
      unit: 'Bps',
      queries: [[rate('http_response_size_bytes_sum', BY), LEGEND]],
    },
    {
      title: 'Share of the traffic',
      unit: 'percentunit',
      queries: [['job_route:http_requests:rate5m / on (job) group_left job:http_requests:rate5m', LEGEND]],
    },
  ],
};
