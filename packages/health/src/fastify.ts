import type { FastifyPluginAsync, HTTPMethods } from 'fastify';
import type { Endpoint, Health } from './index.js';

/** Options of the Fastify adapter. */
export interface HealthPluginOptions {
  health: Health;
}

const method: HTTPMethods[] = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * The endpoints as routes, under the `basePath` of the health.
 *
 * @example
 * ```ts
 * import fastify from 'fastify';
 * import { createHealth } from '@kit/health';
 * import { healthPlugin } from '@kit/health/fastify';
 *
 * fastify().register(healthPlugin, { health: createHealth() });
 * ```
 */
export const healthPlugin: FastifyPluginAsync<HealthPluginOptions> = async (app, { health }) => {
  for (const [endpoint, url] of Object.entries(health.paths)) {
    app.route({
      method,
      url,
      exposeHeadRoute: false,
      logLevel: 'warn',
      // Answered before a body is read: a POST is refused whatever it carries.
      onRequest: async (request, reply) => {
        const { status, headers, body } = await health.answer(
          endpoint as Endpoint,
          request.raw,
          reply.getHeader('vary'),
        );
        return reply.code(status).headers(headers).send(body);
      },
      handler: (_request, reply) => reply,
    });
  }
};

Object.assign(healthPlugin, {
  // Mounted where it is registered, not in a scope of its own.
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@kit/health',
});
