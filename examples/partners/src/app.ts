import { errorsMiddleware, notFoundMiddleware } from '@kit/errors/express';
import { createHealth, knexCheck } from '@kit/health';
import { healthRoutes } from '@kit/health/express';
import { createMetrics } from '@kit/metrics';
import { metricsHandler, metricsMiddleware } from '@kit/metrics/express';
import { traceMiddleware } from '@kit/trace/express';
import express, { type Express, type Router } from 'express';
import helmet from 'helmet';
import type { Knex } from 'knex';
import type { Logger } from 'pino';
import promClient from 'prom-client';
import { createEffectLedger, type EffectLedger } from './effects.ts';
import type { OpenSpan } from './telemetry.ts';
import { createFaultDials, type FaultDials, faultMiddleware, faultRoutes } from './faults.ts';

export interface PartnerOptions {
  name: string;
  knex: Knex;
  logger: Logger;
  /** What this partner does for its callers. */
  routes: (ledger: EffectLedger, dials: FaultDials) => Router;
  openSpan?: OpenSpan | undefined;
}

const quiet = [
  '/health',
  '/health/live',
  '/health/ready',
  '/health/startup',
  '/metrics',
  '/faults',
  '/ledger',
];

/** A partner on Express: its routes behind its faults, its ledger, its probes. */
export function createPartnerApp({ name, knex, routes, openSpan, ...options }: PartnerOptions) {
  const logger = options.logger.child({ service: name });
  const dials = createFaultDials();
  const ledger = createEffectLedger(knex, name);
  const health = createHealth({ name });
  health.add(knexCheck(knex));
  const metrics = createMetrics({ client: promClient, logger });

  const app: Express = express();
  app.disable('x-powered-by');
  app.use(metricsMiddleware({ metrics }));
  app.use(
    traceMiddleware({
      logger,
      // Partners stand behind our own services, on this machine or in this network.
      trustInbound: ['127.0.0.0/8', '::1/128', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
      logStart: false,
      ignore: quiet,
    }),
  );
  if (openSpan !== undefined) {
    app.use((req, res, next) => {
      if (quiet.includes(req.path)) next();
      else openSpan(req, res, () => req.route?.path, next);
    });
  }
  app.use(helmet());
  app.use(healthRoutes({ health }));
  app.get('/metrics', metricsHandler({ metrics }));
  app.use(express.json({ limit: '64kb' }));
  app.use(faultRoutes(dials));
  app.use(ledgerRoutes(ledger));
  app.use(faultMiddleware(dials));
  app.use(routes(ledger, dials));
  app.use(notFoundMiddleware());
  // The request log has the status; a stack for a fault that was asked for helps nobody.
  app.use(errorsMiddleware({ logger: false }));
  return { app, health };
}

/** `GET /ledger?reference=&kind=`: what this partner has done, once a key. */
function ledgerRoutes(ledger: EffectLedger): Router {
  const router = express.Router();
  const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined);
  router.get('/ledger', async (req, res) => {
    const items = await ledger.list({ reference: textOf(req.query.reference), kind: textOf(req.query.kind) });
    res.json({ items });
  });
  return router;
}
