import type { FastifyInstance, FastifyPluginCallback } from 'fastify';
import type { HandlerOptions, Metrics } from './index.js';

export interface MetricsPluginOptions extends HandlerOptions {
  metrics: Metrics;
  /** Where the page is served. @default '/metrics' */
  path?: string | undefined;
}

/**
 * Measures every request and serves the page.
 * @example
 * import client from 'prom-client';
 * import fastify from 'fastify';
 * import { createMetrics } from '@kit/metrics';
 * import { metricsPlugin } from '@kit/metrics/fastify';
 * const app = fastify();
 * app.register(metricsPlugin, { metrics: createMetrics({ client }) });
 */
export const metricsPlugin: FastifyPluginCallback<MetricsPluginOptions> = Object.assign(
  (app: FastifyInstance, options: MetricsPluginOptions, done: (error?: Error) => void) => {
    const { trackHttp } = options.metrics;
    const handle = options.metrics.handler(options);
    app.addHook('onRequest', (request, reply, next) => {
      trackHttp(
        request.raw,
        reply.raw,
        () => request.routeOptions.url,
        () => reply.getHeader('content-length'),
      );
      next();
    });
    app.get(options.path ?? '/metrics', (request, reply) => {
      reply.hijack();
      return handle(request.raw, reply.raw);
    });
    done();
  },
  // The hooks belong to the whole app, not to this plugin's own scope.
  { [Symbol.for('skip-override')]: true, [Symbol.for('fastify.display-name')]: '@kit/metrics' },
);
