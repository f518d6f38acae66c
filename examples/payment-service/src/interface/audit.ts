import type { AuditLog } from '@kit/trace';
import type { FastifyPluginCallback } from 'fastify';

export interface AuditPluginOptions {
  audit: AuditLog;
  /** What writes its own records. */
  ignore: (url: string) => boolean;
}

/** One record for every request that changes something or looks behind the scenes. */
export const auditPlugin: FastifyPluginCallback<AuditPluginOptions> = Object.assign(
  ((app, { audit, ignore }, done) => {
    app.addHook('onResponse', (request, reply, next) => {
      const { method, url } = request;
      if (!ignore(url) && (method !== 'GET' || url.startsWith('/admin'))) {
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
  }) satisfies FastifyPluginCallback<AuditPluginOptions>,
  { [Symbol.for('skip-override')]: true },
);
