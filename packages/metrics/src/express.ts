import type { RequestHandler } from 'express';
import {
  checkMetrics,
  createExpressPage,
  createExpressRoutes,
  type HandlerOptions,
  type Metrics,
} from './index.js';

/** What `metricsMiddleware` takes. */
export interface MetricsMiddlewareOptions extends HandlerOptions {
  metrics: Metrics;
  /** Where the page is served. @default '/metrics' */
  path?: string | undefined;
}

/** What `metricsHandler` takes. */
export interface MetricsHandlerOptions extends HandlerOptions {
  metrics: Metrics;
  /** Where the page is, for `app.use(metricsHandler(…))` without a path. @default '/metrics' */
  path?: string | undefined;
}

/**
 * Measures every request that comes after it, and serves the page at GET /metrics; mount it first. It leaves the
 * page to a `metricsHandler` of the same app, unless it has an `authorize` of its own.
 * @throws TypeError, RangeError naming the option
 * @example
 * import client from 'prom-client';
 * import express from 'express';
 * import { createMetrics } from '@kit/metrics';
 * import { metricsMiddleware } from '@kit/metrics/express';
 * express().use(metricsMiddleware({ metrics: createMetrics({ client }) }));
 */
export function metricsMiddleware(options: MetricsMiddlewareOptions): RequestHandler {
  const metrics = checkMetrics(options?.metrics);
  const { trackHttp } = metrics;
  const page = createExpressPage(metrics, options);
  const routeOf = createExpressRoutes();
  return (req, res, next) => {
    const isPage = page.isMine(req);
    trackHttp(req, res, (status) => (isPage ? page.path : routeOf(req, status)));
    if (isPage) void page.serve(req, res);
    else next();
  };
}

/**
 * Serves the page from a route of yours, in place of the middleware.
 * @throws TypeError, RangeError naming the option
 * @example
 * import client from 'prom-client';
 * import express from 'express';
 * import { createMetrics } from '@kit/metrics';
 * import { metricsHandler } from '@kit/metrics/express';
 * express().get('/internal/metrics', metricsHandler({ metrics: createMetrics({ client }) }));
 */
export function metricsHandler(options: MetricsHandlerOptions): RequestHandler {
  return createExpressPage(checkMetrics(options?.metrics), options).handler;
}
