import type { DashboardSpec } from './grafana.js';
import { quantile, rate } from './promql.js';

export const reliabilityDashboard: DashboardSpec = {
  uid: 'kit-reliability',
  title: 'Kit / Reliability',
  description: 'Breakers, sagas, outbox, queues and errors by code.',
  panels: [
    {
      title: 'Breakers',
      unit: 'short',
      description: '0 closed, 1 half-open, 2 open.',
      queries: [['max by (job, name) (kit_breaker_state)', '{{job}} {{name}}']],
    },
    {
      title: 'Breaker calls',
      unit: 'ops',
      queries: [[rate('kit_breaker_calls_total', 'name, outcome'), '{{name}} {{outcome}}']],
    },
    {
      title: 'Breaker calls, p95',
      unit: 's',
      queries: [[quantile(0.95, 'kit_breaker_call_duration_seconds', 'name'), '{{name}}']],
    },
    {
      title: 'Rejected by breakers',
      unit: 'ops',
      queries: [[rate('kit_breaker_rejections_total', 'name, reason'), '{{name}} {{reason}}']],
    },
    {
      title: 'Retries and stale results',
      unit: 'ops',
      queries: [
        [rate('kit_breaker_retries_total', 'name'), '{{name}} retries'],
        [rate('kit_breaker_stale_total', 'name'), '{{name}} stale'],
      ],
    },
    { title: 'Errors by code', unit: 'ops', queries: [[rate('kit_errors_total', 'code'), '{{code}}']] },
    {
      title: 'Sagas by outcome',
      unit: 'ops',
      queries: [[rate('kit_saga_total', 'name, outcome'), '{{name}} {{outcome}}']],
    },
    {
      title: 'Stuck sagas',
      unit: 'short',
      kind: 'stat',
      queries: [['max by (job, name) (kit_saga_stuck)', '{{job}} {{name}}']],
    },
    {
      title: 'Saga steps, p95',
      unit: 's',
      queries: [
        [
          quantile(0.95, 'kit_saga_step_duration_seconds', 'name, step, phase'),
          '{{name}} {{step}} {{phase}}',
        ],
      ],
    },
    {
      title: 'Outbox backlog',
      unit: 'short',
      queries: [['max by (job, name) (kit_outbox_backlog)', '{{job}} {{name}}']],
    },
    {
      title: 'Oldest outbox message',
      unit: 's',
      queries: [['max by (job, name) (kit_outbox_oldest_seconds)', '{{job}} {{name}}']],
    },
    {
      title: 'Outbox messages published',
      unit: 'ops',
      queries: [[rate('kit_outbox_published_total', 'name, topic'), '{{name}} {{topic}}']],
    },
    {
      title: 'Queue length',
      unit: 'short',
      queries: [['max by (queue, state) (kit_queue_length)', '{{queue}} {{state}}']],
    },
    {
      title: 'Jobs',
      unit: 'ops',
      queries: [
        [rate('kit_jobs_total', 'queue, outcome'), '{{queue}} {{outcome}}'],
        [rate('kit_job_retries_total', 'queue'), '{{queue}} retries'],
      ],
    },
    {
      title: 'Health check time, p95',
      unit: 's',
      queries: [[quantile(0.95, 'kit_health_check_duration_seconds', 'check'), '{{check}}']],
    },
  ],
};
