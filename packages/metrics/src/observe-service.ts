import type { Instruments } from './instrument-maker.js';
import type { Observers } from './channels.js';

const STATUSES: Readonly<Record<string, number>> = { healthy: 0, degraded: 1, unhealthy: 2 };

export function observeService(instruments: Instruments): Observers {
  const status = instruments.gauge('kit_health_status', {
    help: 'Result of a health check: 0 healthy, 1 degraded, 2 unhealthy.',
    labels: ['check'],
    aggregate: 'max',
  });
  const duration = instruments.histogram('kit_health_check_duration_seconds', {
    help: 'Duration of health checks in seconds.',
    labels: ['check'],
  });
  const ready = instruments.gauge('kit_health_ready', {
    help: 'Whether the service takes traffic: 1 ready, 0 not.',
    labels: ['name'],
    aggregate: 'min',
  });
  const errors = instruments.counter('kit_errors_total', {
    help: 'Errors raised, by code.',
    labels: ['code'],
  });
  const anomalies = instruments.counter('kit_trace_anomalies_total', {
    help: 'Clients that made more requests in a window than the audit log allows.',
  });
  return {
    'kit:health:checked': ({ name, status: result, durationMs }) => {
      const level = STATUSES[result];
      if (level !== undefined) status.child(name).set(level);
      duration.child(name).observe(durationMs / 1_000);
    },
    'kit:health:readiness-changed': ({ name, ready: isReady }) => ready.child(name).set(isReady ? 1 : 0),
    'kit:errors:raised': ({ code }) => errors.child(code).inc(),
    'kit:trace:anomaly': () => anomalies.inc(),
  };
}
