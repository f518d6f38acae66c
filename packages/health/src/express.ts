import { Router } from 'express';
import { type Endpoint, type Health, sendAnswer } from './index.js';

/** Options of the Express adapter. */
export interface HealthRoutesOptions {
  health: Health;
}

/**
 * The endpoints as a router, under the `basePath` of the health.
 *
 * @example
 * ```ts
 * import express from 'express';
 * import { createHealth } from '@kit/health';
 * import { healthRoutes } from '@kit/health/express';
 *
 * express().use(healthRoutes({ health: createHealth() }));
 * ```
 */
export function healthRoutes({ health }: HealthRoutesOptions): Router {
  const router = Router();
  for (const [endpoint, path] of Object.entries(health.paths)) {
    router.all(path, (req, res) => void sendAnswer(health, endpoint as Endpoint, req, res));
  }
  return router;
}
