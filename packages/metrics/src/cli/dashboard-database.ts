import type { DashboardSpec } from './grafana.js';
import { quantile, rate } from './promql.js';

export const databaseDashboard: DashboardSpec = {
  uid: 'kit-database',
  title: 'Kit / Database',
  description: 'Connections, queries, transactions and the cache before them.',
  panels: [
    {
      title: 'Connections',
      unit: 'short',
      queries: [
        ['sum by (db) (kit_db_pool_used)', '{{db}} in use'],
        ['sum by (db) (kit_db_pool_free)', '{{db}} idle'],
        ['sum by (db) (kit_db_pool_max)', '{{db}} max'],
      ],
    },
    {
      title: 'Waiting for a connection',
      unit: 'short',
      queries: [['sum by (db) (kit_db_pool_waiting)', '{{db}}']],
    },
    { title: 'Reachable', unit: 'short', kind: 'stat', queries: [['min by (db) (kit_db_up)', '{{db}}']] },
    {
      title: 'Query time',
      unit: 's',
      queries: [
        [quantile(0.5, 'kit_db_query_duration_seconds', 'db'), '{{db}} p50'],
        [quantile(0.95, 'kit_db_query_duration_seconds', 'db'), '{{db}} p95'],
        [quantile(0.99, 'kit_db_query_duration_seconds', 'db'), '{{db}} p99'],
      ],
    },
    {
      title: 'Queries',
      unit: 'ops',
      queries: [[rate('kit_db_query_duration_seconds_count', 'db, operation'), '{{db}} {{operation}}']],
    },
    {
      title: 'Slow queries',
      unit: 'ops',
      queries: [[rate('kit_db_slow_queries_total', 'db'), '{{db}}']],
    },
    {
      title: 'Failed queries',
      unit: 'ops',
      queries: [[rate('kit_db_query_errors_total', 'db, code'), '{{db}} {{code}}']],
    },
    {
      title: 'Cache hit rate',
      unit: 'percentunit',
      queries: [
        [
          `${rate('kit_cache_hits_total', 'cache')} / (${rate('kit_cache_hits_total', 'cache')} + ${rate('kit_cache_misses_total', 'cache')})`,
          '{{cache}}',
        ],
      ],
    },
    {
      title: 'Transactions, p95',
      unit: 's',
      queries: [[quantile(0.95, 'kit_tx_duration_seconds', 'manager, mode'), '{{manager}} {{mode}}']],
    },
    {
      title: 'Transactions by outcome',
      unit: 'ops',
      queries: [[rate('kit_tx_duration_seconds_count', 'manager, outcome'), '{{manager}} {{outcome}}']],
    },
    {
      title: 'Transactions run again',
      unit: 'ops',
      queries: [[rate('kit_tx_retries_total', 'manager, code'), '{{manager}} {{code}}']],
    },
    {
      title: 'Rollbacks of write transactions',
      unit: 'ops',
      queries: [[rate('kit_tx_rollback_only_total', 'manager'), '{{manager}}']],
    },
  ],
};
