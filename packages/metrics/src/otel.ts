import type { HttpNaming } from './http-naming.js';

/**
 * The HTTP metrics under the names that OpenTelemetry's Prometheus exporter gives them
 * (semantic conventions 1.2x, HTTP metrics, and the Prometheus compatibility specification).
 * @example
 * import client from 'prom-client';
 * import { createMetrics } from '@kit/metrics';
 * import { otelNaming } from '@kit/metrics/otel';
 * const metrics = createMetrics({ client, naming: otelNaming });
 */
export const otelNaming: HttpNaming = Object.freeze({
  // The conventions have no counter: the histogram's `_count` is it.
  requests: undefined,
  duration: 'http_server_request_duration_seconds',
  inFlight: 'http_server_active_requests',
  responseSize: 'http_server_response_body_size_bytes',
  labels: Object.freeze({
    method: 'http_request_method',
    route: 'http_route',
    status: 'http_response_status_code',
  }),
});

export type { HttpNaming };
