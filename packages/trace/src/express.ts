import type { Request, RequestHandler } from 'express';
import { createTraceHandler, type TraceOptions } from './index.js';

/**
 * Gives every request a trace, its response headers and a request log. Use it first.
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import express from 'express';
 * import { traceMiddleware } from '@kit/trace/express';
 *
 * const app = express();
 * app.use(traceMiddleware({ trustInbound: ['10.0.0.0/8'] }));
 * ```
 */
export function traceMiddleware(options: TraceOptions<Request> = {}): RequestHandler {
  return createTraceHandler(options);
}
