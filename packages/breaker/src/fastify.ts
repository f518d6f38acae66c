import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import {
  type BreakerHostOptions,
  type BreakerRegistry,
  createBreakerHost,
  type HttpAnswer,
  toHttpAnswer,
} from './index.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** The registry of `breakerPlugin`. */
    breakers: BreakerRegistry;
  }
}

/** Options of the Fastify plugin. */
export interface BreakerPluginOptions extends BreakerHostOptions<FastifyRequest> {
  /** Set it to false beside an error handler of your own that knows these errors, as `@kit/errors` does. @default true */
  answerErrors?: boolean | undefined;
}

/**
 * Puts the registry at `app.breakers`, answers an open breaker with 503 and `Retry-After`, and mounts the admin route
 * when there is an `authorize`.
 *
 * @throws TypeError or RangeError that names the wrong option, when the server gets ready
 * @example
 * ```ts
 * import { breakerPlugin } from '@kit/breaker/fastify';
 * import fastify from 'fastify';
 *
 * const app = fastify();
 * await app.register(breakerPlugin, { defaults: { openMs: 10_000 } });
 * app.get('/orders', () => app.breakers.get('order-service').run(() => fetch('http://localhost:3101/orders')));
 * ```
 */
export const breakerPlugin: FastifyPluginAsync<BreakerPluginOptions> = async (app, options) => {
  const { breakers, admin } = createBreakerHost(options);
  app.decorate('breakers', breakers);
  if (options.answerErrors ?? true) {
    const previous = app.errorHandler;
    app.setErrorHandler(function answerOpenBreaker(error, request, reply) {
      const answer = toHttpAnswer(error);
      return answer === undefined ? previous.call(this, error as never, request, reply) : send(reply, answer);
    });
  }
  if (admin !== undefined) {
    app.get(admin.listPath, async (request, reply) => send(reply, await admin.answer(request)));
    app.post<{ Params: { name: string; action: string } }>(admin.actionPath, async (request, reply) =>
      send(reply, await admin.answer(request, request.params)),
    );
  }
};

Object.assign(breakerPlugin, {
  // What fastify-plugin does: the registry and the handler belong to the server that registers the plugin.
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@kit/breaker',
});

function send(reply: FastifyReply, { status, headers, body }: HttpAnswer): FastifyReply {
  return reply.code(status).type('application/json').headers(headers).send(JSON.stringify(body));
}
