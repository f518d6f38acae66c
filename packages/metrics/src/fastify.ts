import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { checkMetrics, type HandlerOptions, type Metrics } from './index.js';

/** What `metricsPlugin` takes. */
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
export const metricsPlugin: FastifyPluginAsync<MetricsPluginOptions> = Object.assign(
  async (app: FastifyInstance, options: MetricsPluginOptions) => {
    const metrics = checkMetrics(options.metrics);
    const { trackHttp } = metrics;
    const handle = metrics.handler(options);
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
  },
  // The hooks belong to the whole app, not to this plugin's own scope.
  { [Symbol.for('skip-override')]: true, [Symbol.for('fastify.display-name')]: '@kit/metrics' },
);
