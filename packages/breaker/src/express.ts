import { type ErrorRequestHandler, type Request, type Response, Router } from 'express';
import { type BreakerAdminOptions, createBreakerAdmin, type HttpAnswer, toHttpAnswer } from './index.js';

/** Options of the Express adapter. */
export interface BreakerRoutesOptions extends BreakerAdminOptions<Request> {
  /** Set it to false beside an error handler of your own that knows these errors, as `@kit/errors` does. @default true */
  answerErrors?: boolean | undefined;
}

/**
 * The admin route, and an error handler that answers an open breaker with 503 and `Retry-After`; mount it after your
 * own routes.
 *
 * @throws TypeError without an `authorize` function
 * @example
 * ```ts
 * import { createBreakerRegistry } from '@kit/breaker';
 * import { breakerRoutes } from '@kit/breaker/express';
 * import express from 'express';
 *
 * const breakers = createBreakerRegistry();
 * const app = express();
 * app.use(breakerRoutes({ breakers, authorize: (req) => req.get('x-admin-token') === process.env['ADMIN_TOKEN'] }));
 * ```
 */
export function breakerRoutes(options: BreakerRoutesOptions): [Router, ErrorRequestHandler] {
  const admin = createBreakerAdmin(options);
  const router = Router();
  router.get(admin.listPath, (req, res, next) => {
    admin.answer(req).then((answer) => send(res, answer), next);
  });
  router.post(admin.actionPath, (req, res, next) => {
    admin.answer(req, req.params).then((answer) => send(res, answer), next);
  });
  return [router, (options.answerErrors ?? true) ? breakerErrors() : passOn];
}

/** The error handler alone: 503 with `Retry-After` for an open breaker or a full bulkhead, 504 for a timeout. */
export function breakerErrors(): ErrorRequestHandler {
  return (error, _req, res, next) => {
    const answer = res.headersSent ? undefined : toHttpAnswer(error);
    if (answer === undefined) next(error);
    else send(res, answer);
  };
}

const passOn: ErrorRequestHandler = (error, _req, _res, next) => next(error);

function send(res: Response, { status, headers, body }: HttpAnswer): void {
  res.status(status).set('content-type', 'application/json').set(headers).send(JSON.stringify(body));
}
