import type { DashboardSpec } from './grafana.js';
import { rate } from './promql.js';

export const overviewDashboard: DashboardSpec = {
  uid: 'kit-overview',
  title: 'Kit / Overview',
  description: 'CPU, memory, event loop and IO of every process.',
  panels: [
    {
      title: 'CPU',
      unit: 'percentunit',
      description: 'Share of one CPU: JavaScript runs on one thread.',
      queries: [['rate(process_cpu_seconds_total[5m])', '{{instance}}']],
    },
    {
      title: 'Memory',
      unit: 'bytes',
      queries: [
        ['process_resident_memory_bytes', '{{instance}} resident'],
        ['nodejs_heap_size_used_bytes', '{{instance}} heap'],
        ['kit_process_memory_limit_bytes', '{{instance}} limit'],
      ],
    },
    {
      title: 'Memory in use',
      unit: 'percentunit',
      queries: [
        [
          'max by (job, instance) (process_resident_memory_bytes) / max by (job, instance) (kit_process_memory_limit_bytes)',
          '{{instance}}',
        ],
      ],
    },
    {
      title: 'Event loop lag',
      unit: 's',
      queries: [
        ['nodejs_eventloop_lag_p50_seconds', '{{instance}} p50'],
        ['nodejs_eventloop_lag_p99_seconds', '{{instance}} p99'],
      ],
    },
    {
      title: 'Garbage collection',
      unit: 'percentunit',
      description: 'Share of the time spent collecting garbage.',
      queries: [[rate('nodejs_gc_duration_seconds_sum', 'instance, kind'), '{{instance}} {{kind}}']],
    },
    {
      title: 'Disk operations',
      unit: 'iops',
      queries: [
        [rate('kit_process_fs_operations_total', 'instance, operation'), '{{instance}} {{operation}}'],
      ],
    },
    { title: 'Open file descriptors', unit: 'short', queries: [['process_open_fds', '{{instance}}']] },
    {
      title: 'Active handles',
      unit: 'short',
      queries: [['sum by (instance) (nodejs_active_handles_total)', '{{instance}}']],
    },
    {
      title: 'Requests in flight',
      unit: 'short',
      queries: [['http_requests_in_flight', '{{instance}}']],
    },
    {
      title: 'Health checks',
      unit: 'short',
      description: '0 healthy, 1 degraded, 2 unhealthy.',
      queries: [['max by (job, check) (kit_health_status)', '{{job}} {{check}}']],
    },
    {
      title: 'Ready',
      unit: 'short',
      kind: 'stat',
      queries: [['min by (job, name) (kit_health_ready)', '{{job}} {{name}}']],
    },
    {
      title: 'Uptime',
      unit: 's',
      kind: 'stat',
      queries: [['time() - process_start_time_seconds', '{{instance}}']],
    },
  ],
};
