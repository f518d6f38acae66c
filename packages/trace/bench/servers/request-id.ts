import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** What pino-http's README shows for `genReqId`: an id of the request's own, or a new one, sent back in a header. */
export function genReqId(req: IncomingMessage, res: ServerResponse): string {
  const id = String(req.headers['x-request-id'] ?? randomUUID());
  res.setHeader('X-Request-Id', id);
  return id;
}
