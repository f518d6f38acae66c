import type { Request, RequestHandler } from 'express';
import {
  createIdempotencyHandler,
  createTxHandler,
  type HttpIdempotencyOptions,
  type TransactionManager,
} from './index.js';

/** What the other frameworks' adapters take too. The context is one for all managers, so it needs none. */
export interface TxMiddlewareOptions {
  manager?: TransactionManager | undefined;
  tm?: TransactionManager | undefined;
}

/**
 * Answers a request whose `Idempotency-Key` and body came before with the stored response; mount it after the body parser.
 * Another body under the key is 422, a request that still runs 409.
 *
 * @throws TypeError when neither `tm` nor `idempotency` is given.
 * @example
 * import express from 'express';
 * import type { TransactionManager } from '@kit/tx';
 * import { idempotencyMiddleware } from '@kit/tx/express';
 * declare const tm: TransactionManager;
 * express().use(express.json()).use(idempotencyMiddleware({ tm }));
 */
export function idempotencyMiddleware(options: HttpIdempotencyOptions<Request>): RequestHandler {
  return createIdempotencyHandler(options);
}

/**
 * Gives every request a context of its own in which it reads what it wrote. It opens no transaction: that would
 * hold a connection until the response has ended.
 *
 * @example
 * import express from 'express';
 * import { txMiddleware } from '@kit/tx/express';
 * express().use(txMiddleware());
 */
export function txMiddleware(_options: TxMiddlewareOptions = {}): RequestHandler {
  return createTxHandler();
}
