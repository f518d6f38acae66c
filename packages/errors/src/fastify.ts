import type { FastifyPluginAsync, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import {
  commonErrors,
  createMonitorAnswers,
  createRequestErrorHandler,
  type ErrorContext,
  type ErrorHandlingOptions,
  type ErrorMonitor,
  type MonitorHandlerOptions,
  sendAnswer,
} from './index.js';

/**
 * Answers every error, and every request without a route, with a problem. Register it on the root before the routes.
 *
 * @throws TypeError or RangeError that names the option, the rule and the value, when the server gets ready
 * @example
 * ```ts
 * import fastify from 'fastify';
 * import { errorsPlugin } from '@kit/errors/fastify';
 *
 * const app = fastify();
 * await app.register(errorsPlugin, { typeBaseUrl: 'https://docs.example/errors/' });
 * ```
 */
export const errorsPlugin: FastifyPluginAsync<ErrorHandlingOptions> = async (app, options) => {
  const handle = createRequestErrorHandler(options);
  app.setErrorHandler((error, request, reply) => handle(error, reply, new RequestContext(request)));
  app.setNotFoundHandler((request, reply) =>
    handle(commonErrors.RES_NOT_FOUND(), reply, new RequestContext(request)),
  );
};
// What fastify-plugin does: the handlers belong to the server that registers the plugin, not to a child of it.
Object.assign(errorsPlugin, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@kit/errors',
});

/**
 * Shows a monitor's snapshot to whom `authorize` lets see it: `app.get('/admin/errors', monitorHandler(monitor, { authorize }))`.
 *
 * @throws TypeError without an `authorize` function
 */
export function monitorHandler(
  monitor: Pick<ErrorMonitor, 'snapshot'>,
  options: MonitorHandlerOptions<FastifyRequest>,
): RouteHandlerMethod {
  const answer = createMonitorAnswers(monitor, options);
  return async (request: FastifyRequest, reply: FastifyReply) => {
    sendAnswer(reply, await answer(request, new RequestContext(request)));
    return reply;
  };
}

/** A class, since a getter in a literal is made anew for every request. */
class RequestContext implements ErrorContext {
  readonly method: string;
  readonly path: string;
  readonly logger: ErrorContext['logger'];
  readonly #request: FastifyRequest;
  constructor(request: FastifyRequest) {
    this.#request = request;
    this.method = request.method;
    this.path = request.url;
    // With `logger: false` Fastify's log does nothing and has no level: then no line is even built.
    this.logger = typeof request.log.level === 'string' ? request.log : false;
  }
  /** Fastify makes `routeOptions` anew for every look, so it looks when somebody asks. */
  get endpoint(): string {
    return `${this.method} ${this.#request.routeOptions.url ?? '__unmatched__'}`;
  }
}
