import type { RequestHandler } from 'express';
import { createExpressRoutes, type HandlerOptions, type Metrics } from './index.js';

export interface MetricsMiddlewareOptions {
  metrics: Metrics;
}

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
  const { trackHttp } = options.metrics;
  const routeOf = createExpressRoutes();
  return (req, res, next) => {
    trackHttp(req, res, (status) => routeOf(req, status));
    next();
  };
}

/** Serves the page: `app.get('/metrics', metricsHandler({ metrics }))`. */
export function metricsHandler(options: MetricsHandlerOptions): RequestHandler {
  const handle = options.metrics.handler(options);
  return (req, res) => void handle(req, res);
}
