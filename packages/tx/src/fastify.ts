import type { FastifyInstance, FastifyPluginCallback, FastifyRequest } from 'fastify';
import {
  addIdempotencyHooks,
  addTxHooks,
  type HttpIdempotencyOptions,
  type IdempotencyHookable,
} from './index.js';

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

/**
 * Gives every request a context of its own in which it reads what it wrote. It opens no transaction: that would
 * hold a connection until the response has ended.
 *
 * @example
 * import fastify from 'fastify';
 * import { txPlugin } from '@kit/tx/fastify';
 * fastify().register(txPlugin);
 */
export const txPlugin: FastifyPluginCallback = Object.assign(
  (app: FastifyInstance, _options: object, done: (error?: Error) => void) => {
    addTxHooks(app);
    done();
  },
  { [Symbol.for('skip-override')]: true, [Symbol.for('fastify.display-name')]: '@kit/tx' },
);
