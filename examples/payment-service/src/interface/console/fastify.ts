import type { FastifyPluginCallback } from 'fastify';
import type { Console } from './console.ts';

/**
 * Mounts the console on a Fastify instance. Register it before the plugins whose hooks its requests should not meet: a
 * stream of hours is no slow request, and its own pages need no second set of security headers.
 */
export const consolePlugin: FastifyPluginCallback<{ console: Console }> = Object.assign(
  ((app, { console }, done) => {
    // In a hook no body has been read and no route is needed.
    app.addHook('onRequest', (request, reply, next) => {
      if (!console.owns(request.raw.url)) return next();
      reply.hijack();
      void console.handle(request.raw, reply.raw, {
        ip: request.ip,
        secure: request.protocol === 'https',
      });
    });
    app.addHook('onClose', async () => console.close());
    done();
  }) satisfies FastifyPluginCallback<{ console: Console }>,
  { [Symbol.for('skip-override')]: true },
);
