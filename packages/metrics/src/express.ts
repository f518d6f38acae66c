import type { RequestHandler } from 'express';
import { checkMetrics, createExpressRoutes, type HandlerOptions, type Metrics } from './index.js';

/** What `metricsMiddleware` takes. */
export interface MetricsMiddlewareOptions {
  metrics: Metrics;
}

/** What `metricsHandler` takes. */
export interface MetricsHandlerOptions extends HandlerOptions {
  metrics: Metrics;
}

/**
 * Measures every request that comes after it; mount it first.
 * @example
 * import client from 'prom-client';
 * import express from 'express';
 * import { createMetrics } from '@kit/metrics';
 * import { metricsHandler, metricsMiddleware } from '@kit/metrics/express';
 * const metrics = createMetrics({ client });
 * const app = express();
 * app.use(metricsMiddleware({ metrics }));
 * app.get('/metrics', metricsHandler({ metrics }));
 */
export function metricsMiddleware(options: MetricsMiddlewareOptions): RequestHandler {
  const { trackHttp } = checkMetrics(options?.metrics);
  const routeOf = createExpressRoutes();
  return (req, res, next) => {
    trackHttp(req, res, (status) => routeOf(req, status));
    next();
  };
}

/**
 * Serves the page.
 * @example
 * import client from 'prom-client';
 * import express from 'express';
 * import { createMetrics } from '@kit/metrics';
 * import { metricsHandler } from '@kit/metrics/express';
 * express().get('/metrics', metricsHandler({ metrics: createMetrics({ client }) }));
 */
export function metricsHandler(options: MetricsHandlerOptions): RequestHandler {
  const handle = checkMetrics(options?.metrics).handler(options);
  return (req, res) => void handle(req, res);
}
