import type { FastifyInstance, FastifyPluginCallback, FastifyRequest } from 'fastify';
import { addIdempotencyHooks, type HttpIdempotencyOptions, type IdempotencyHookable } from './index.js';

/**
 * Answers a request whose `Idempotency-Key` and body came before with the stored response.
 * Another body under the key is 422, a request that still runs 409.
 *
 * @example
 * import fastify from 'fastify';
 * import type { TransactionManager } from '@kit/tx';
 * import { idempotencyPlugin } from '@kit/tx/fastify';
 * declare const tm: TransactionManager;
 * fastify().register(idempotencyPlugin, { tm });
 */
export const idempotencyPlugin: FastifyPluginCallback<HttpIdempotencyOptions<FastifyRequest>> = Object.assign(
  (app: FastifyInstance, options: HttpIdempotencyOptions<FastifyRequest>, done: (error?: Error) => void) => {
    addIdempotencyHooks(app as unknown as IdempotencyHookable<FastifyRequest>, options);
    done();
  },
  // The hooks belong to the whole app, not to this plugin's own scope.
  { [Symbol.for('skip-override')]: true, [Symbol.for('fastify.display-name')]: '@kit/tx/idempotency' },
);
