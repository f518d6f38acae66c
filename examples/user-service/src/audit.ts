import type { AuditLog } from '@kit/trace';
import type { RequestHandler } from 'express';
import type { Principal } from './users/user.ts';

/**
 * One record for every request that changes something, logs in, or is refused. It has the names of the fields, not what
 * is in them: a chain of hashes cannot forget a person who asks for it.
 */
export function auditMiddleware(audit: AuditLog): RequestHandler {
  return (request, response, next) => {
    response.once('finish', () => {
      const { method, ip, body, principal } = request as typeof request & { principal?: Principal };
      const { statusCode: status } = response;
      const isReading = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
      if (isReading && status !== 401 && status !== 403) return;
      audit.record({ request, ip, status, userId: principal?.userId, fields: Object.keys(Object(body)) });
    });
    next();
  };
}
