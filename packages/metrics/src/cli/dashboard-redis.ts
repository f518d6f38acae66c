import type { DashboardSpec } from './grafana.js';
import { rate } from './promql.js';

const hits = rate('kit_redis_keyspace_hits_total', 'redis');
const misses = rate('kit_redis_keyspace_misses_total', 'redis');

export const redisDashboard: DashboardSpec = {
  uid: 'kit-redis',
  title: 'Kit / Redis',
  description: 'What Redis says of itself, and how the connection to it fares.',
  panels: [
    { title: 'Hit rate', unit: 'percentunit', queries: [[`${hits} / (${hits} + ${misses})`, '{{redis}}']] },
    {
      title: 'Memory',
      unit: 'bytes',
      queries: [
        ['max by (redis) (kit_redis_memory_used_bytes)', '{{redis}} used'],
        ['max by (redis) (kit_redis_memory_max_bytes)', '{{redis}} max'],
      ],
    },
    { title: 'Keys', unit: 'short', queries: [['max by (redis) (kit_redis_keys)', '{{redis}}']] },
    {
      title: 'Connections',
      unit: 'short',
      queries: [['max by (redis) (kit_redis_connected_clients)', '{{redis}}']],
    },
    {
      title: 'Commands',
      unit: 'ops',
      queries: [[rate('kit_redis_commands_processed_total', 'redis'), '{{redis}}']],
    },
    {
      title: 'Evicted keys',
      unit: 'ops',
      queries: [[rate('kit_redis_evicted_keys_total', 'redis'), '{{redis}}']],
    },
    {
      title: 'Reachable',
      unit: 'short',
      kind: 'stat',
      queries: [['min by (redis) (kit_redis_up)', '{{redis}}']],
    },
    {
      title: 'Reconnects and errors',
      unit: 'ops',
      queries: [
        [rate('kit_redis_reconnects_total', 'redis'), '{{redis}} reconnects'],
        [rate('kit_redis_errors_total', 'redis'), '{{redis}} errors'],
      ],
    },
  ],
};
