import type { AuditLog } from '@kit/trace';
import type { FastifyPluginCallback } from 'fastify';

/** One record for every request that changes something or looks behind the scenes. */
export const auditPlugin: FastifyPluginCallback<{ audit: AuditLog }> = Object.assign(
  ((app, { audit }, done) => {
    app.addHook('onResponse', (request, reply, next) => {
      const { method, url } = request;
      if (method !== 'GET' || url.startsWith('/admin')) {
        audit.record({
          ip: request.ip,
          userAgent: request.headers['user-agent'],
          method,
          path: url.split('?', 1)[0]!,
          status: reply.statusCode,
          body: request.body,
        });
      }
      next();
    });
    done();
  }) satisfies FastifyPluginCallback<{ audit: AuditLog }>,
  { [Symbol.for('skip-override')]: true },
);
