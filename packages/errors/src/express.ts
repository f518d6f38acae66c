import type { ErrorRequestHandler, Request, RequestHandler } from 'express';
import {
  commonErrors,
  createMonitorAnswers,
  createRequestErrorHandler,
  type ErrorHandlingOptions,
  type ErrorMonitor,
  type MonitorHandlerOptions,
  nodeContext,
  sendAnswer,
} from './index.js';

/**
 * Answers every error with a problem. Mount it last, after {@link notFoundMiddleware}.
 *
 * @throws TypeError or RangeError that names the option, the rule and the value
 * @example
 * ```ts
 * import express from 'express';
 * import { errorsMiddleware, notFoundMiddleware } from '@kit/errors/express';
 *
 * const app = express();
 * app.use(notFoundMiddleware());
 * app.use(errorsMiddleware({ typeBaseUrl: 'https://docs.example/errors/' }));
 * ```
 */
export function errorsMiddleware(options?: ErrorHandlingOptions): ErrorRequestHandler {
  const handle = createRequestErrorHandler(options);
  // Express knows an error handler by its four parameters.
  return (error, request, response, _next) => handle(error, response, nodeContext(request));
}

/** Raises `RES_NOT_FOUND` for a request that no route took. Mount it after all routes. */
export function notFoundMiddleware(): RequestHandler {
  return (_request, _response, next) => next(commonErrors.RES_NOT_FOUND());
}

/**
 * Shows a monitor's snapshot to whom `authorize` lets see it: `app.get('/admin/errors', monitorHandler(monitor, { authorize }))`.
 *
 * @throws TypeError without an `authorize` function
 */
export function monitorHandler(
  monitor: Pick<ErrorMonitor, 'snapshot'>,
  options: MonitorHandlerOptions<Request>,
): RequestHandler {
  const answer = createMonitorAnswers(monitor, options);
  return (request, response, next) => {
    answer(request, nodeContext(request)).then((ready) => sendAnswer(response, ready), next);
  };
}
