/** One alert: `value threshold` is its expression, so that the value alone can be looked at. */
export interface Alert {
  name: string;
  group: string;
  /** An expression that has a value whether the alert fires or not. */
  value: string;
  threshold: string;
  /** How long it must hold, e.g. `5m`. */
  for: string;
  severity: 'critical' | 'warning';
  summary: string;
  description: string;
}

const DATABASE_CHECKS = '(?i).*(db|database|postgres|mysql|mariadb|sqlite|knex).*';

/** The alerts of the design page, thresholds included; the burn rates are in burn-rates.ts. */
export const alerts: readonly Alert[] = [
  {
    name: 'HighErrorRate',
    group: 'kit-http',
    value: 'job:http_request_errors:ratio_rate5m',
    threshold: '> 0.05',
    for: '5m',
    severity: 'critical',
    summary: '{{ $labels.job }}: {{ $value | humanizePercentage }} of requests fail',
    description: 'More than 5 % of the requests of the last five minutes ended with 5xx.',
  },
  {
    name: 'HighLatencyP95',
    group: 'kit-http',
    value: 'job:http_request_duration_seconds:p95_5m',
    threshold: '> 1',
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.job }}: p95 is {{ $value | humanizeDuration }}',
    description: 'One request in twenty takes longer than a second.',
  },
  {
    name: 'HighLatencyP95Critical',
    group: 'kit-http',
    value: 'job:http_request_duration_seconds:p95_5m',
    threshold: '> 2',
    for: '5m',
    severity: 'critical',
    summary: '{{ $labels.job }}: p95 is {{ $value | humanizeDuration }}',
    description: 'One request in twenty takes longer than two seconds.',
  },
  {
    name: 'DatabaseConnectionsHigh',
    group: 'kit-database',
    value: 'kit_db_pool_used / (kit_db_pool_max > 0)',
    threshold: '> 0.8',
    for: '5m',
    severity: 'warning',
    summary:
      '{{ $labels.instance }}: {{ $value | humanizePercentage }} of the connections to {{ $labels.db }} are in use',
    description: 'The pool is nearly exhausted; calls will wait for a connection and then fail.',
  },
  {
    name: 'DatabaseDown',
    group: 'kit-database',
    value: `((1 - kit_db_up) or (kit_health_status{check=~"${DATABASE_CHECKS}"} == bool 2))`,
    threshold: '> 0',
    for: '1m',
    severity: 'critical',
    summary: '{{ $labels.instance }}: database {{ $labels.db }}{{ $labels.check }} cannot be reached',
    description: 'Connections or the health check of the database have failed for a minute.',
  },
  {
    name: 'HighCpu',
    group: 'kit-process',
    value: 'rate(process_cpu_seconds_total[5m])',
    threshold: '> 0.8',
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.instance }}: {{ $value | humanizePercentage }} of a CPU in use',
    description: 'JavaScript runs on one thread: near one CPU requests queue up.',
  },
  {
    name: 'HighMemory',
    group: 'kit-process',
    value:
      'max by (job, instance) (process_resident_memory_bytes) / max by (job, instance) (kit_process_memory_limit_bytes)',
    threshold: '> 0.85',
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.instance }}: {{ $value | humanizePercentage }} of the memory limit in use',
    description: 'The process is about to be killed for want of memory.',
  },
  {
    name: 'EventLoopLag',
    group: 'kit-process',
    value: 'nodejs_eventloop_lag_p99_seconds',
    threshold: '> 0.2',
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.instance }}: the event loop is {{ $value | humanizeDuration }} late (p99)',
    description: 'Something blocks the event loop; every request of this process waits for it.',
  },
  {
    name: 'BreakerOpen',
    group: 'kit-reliability',
    value: 'max by (job, name) (kit_breaker_state)',
    threshold: '== 2',
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.job }}: breaker {{ $labels.name }} is open',
    description: 'Calls to this partner have been refused for five minutes.',
  },
  {
    name: 'SagaStuck',
    group: 'kit-reliability',
    value: 'max by (job, name) (kit_saga_stuck)',
    threshold: '> 0',
    for: '0m',
    severity: 'critical',
    summary: '{{ $labels.job }}: {{ $value }} sagas of {{ $labels.name }} are stuck',
    description: 'A saga can go neither forward nor back; somebody has to decide.',
  },
  {
    name: 'OutboxStale',
    group: 'kit-reliability',
    value: 'max by (job, name) (kit_outbox_oldest_seconds)',
    threshold: '> 300',
    for: '1m',
    severity: 'warning',
    summary:
      '{{ $labels.job }}: the oldest message of outbox {{ $labels.name }} is {{ $value | humanizeDuration }} old',
    description: 'Messages are not being published; whoever waits for them is behind.',
  },
];
