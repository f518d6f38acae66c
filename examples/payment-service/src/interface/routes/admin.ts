import type { ErrorMonitor } from '@kit/errors';
import type { Metrics } from '@kit/metrics';
import type { SagaRunner } from '@kit/tx';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { mayAdminister } from '../access.ts';
import { errors } from '../errors.ts';
import { idParams, storable } from '../schemas.ts';

export interface AdminRoutesOptions {
  monitor: ErrorMonitor;
  metrics: Metrics;
  sagas: Pick<SagaRunner, 'get' | 'list' | 'resolve' | 'backlog'>;
  outbox: { backlog(): Promise<number> };
  breakers: () => unknown[];
  adminToken: string | undefined;
}

const sagaStatus = z.enum(['running', 'completed', 'compensating', 'compensated', 'failed', 'stuck']);

const openStatuses = new Set(['running', 'compensating', 'stuck']);

/** For operators, behind the admin token. */
export const adminRoutes: FastifyPluginAsyncZod<AdminRoutesOptions> = async (app, options) => {
  const { monitor, metrics, sagas, outbox, breakers, adminToken } = options;
  const schema = { tags: ['admin'], security: [{ adminToken: [] }] };

  app.addHook('onRequest', async (request) => {
    if (!mayAdminister(request.raw, adminToken)) throw errors.AUTH_FAILED();
  });

  app.get('/admin/errors', { schema }, () => monitor.snapshot());

  app.get('/admin/breakers', { schema }, () => ({ items: breakers() }));

  app.get('/admin/outbox', { schema }, async () => ({ backlog: await outbox.backlog() }));

  const page = metrics.handler();
  app.get('/admin/metrics', { schema }, async (request, reply) => {
    reply.hijack();
    await page(request.raw, reply.raw);
  });

  app.get(
    '/admin/sagas',
    { schema: { ...schema, querystring: z.strictObject({ status: sagaStatus.optional() }) } },
    async ({ query }) => ({ backlog: await sagas.backlog(), items: await sagas.list(query) }),
  );

  app.get('/admin/sagas/:id', { schema: { ...schema, params: idParams } }, async ({ params }) => {
    const saga = await sagas.get(params.id);
    if (!saga) throw errors.RES_NOT_FOUND();
    return saga;
  });

  app.post(
    '/admin/sagas/:id/resolve',
    {
      schema: {
        ...schema,
        params: idParams,
        body: z.strictObject({
          as: z.enum(['retry', 'compensated', 'completed']),
          note: storable.max(500).optional(),
        }),
      },
    },
    async ({ params, body }, reply) => {
      const saga = await sagas.get(params.id);
      if (!saga) throw errors.RES_NOT_FOUND();
      if (!openStatuses.has(saga.status)) {
        throw errors.RES_CONFLICT(undefined, { message: `the saga is ${saga.status} already` });
      }
      await sagas.resolve(params.id, body);
      return reply.code(204).send();
    },
  );
};
