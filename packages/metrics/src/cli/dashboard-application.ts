import type { DashboardSpec } from './grafana.js';
import { quantile, rate, share } from './promql.js';

const requests = rate('http_requests_total', 'job');

export const applicationDashboard: DashboardSpec = {
  uid: 'kit-application',
  title: 'Kit / Application',
  description: 'Traffic, latency, errors, users and business operations.',
  panels: [
    { title: 'Requests', unit: 'reqps', queries: [[requests, '{{job}}']] },
    {
      title: 'Latency',
      unit: 's',
      queries: ([0.5, 0.95, 0.99] as const).map((q) => [
        quantile(q, 'http_request_duration_seconds', 'job'),
        `{{job}} p${q * 100}`,
      ]),
    },
    {
      title: 'Error rate',
      unit: 'percentunit',
      queries: [[share(rate('http_requests_total', 'job', '{status_code=~"5.."}'), requests), '{{job}}']],
    },
    {
      title: 'Active users',
      unit: 'short',
      kind: 'stat',
      description: 'Different users of the last five minutes, estimated.',
      queries: [['sum by (job) (business_active_users)', '{{job}}']],
    },
    {
      title: 'Responses by status',
      unit: 'reqps',
      queries: [[rate('http_requests_total', 'status_code'), '{{status_code}}']],
    },
    {
      title: 'Success rate',
      unit: 'percentunit',
      queries: [['job:http_requests:success_ratio_rate5m', '{{job}}']],
    },
    {
      title: 'Business operations',
      unit: 'ops',
      queries: [[rate('business_operations_total', 'operation, status'), '{{operation}} {{status}}']],
    },
    {
      title: 'Business operations, p95',
      unit: 's',
      queries: [[quantile(0.95, 'business_operation_duration_seconds', 'operation'), '{{operation}}']],
    },
    {
      title: 'Mean latency',
      unit: 's',
      queries: [['job:http_request_duration_seconds:mean5m', '{{job}}']],
    },
  ],
};
