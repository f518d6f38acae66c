import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Endpoint } from './endpoints.js';
import type { Health } from './health.js';

/**
 * The endpoints for a bare `node:http` server: true means the request was a probe and is being answered.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { createHealth, healthHandler } from '@kit/health';
 *
 * const answersProbe = healthHandler({ health: createHealth() });
 * createServer((req, res) => {
 *   if (!answersProbe(req, res)) res.end('hello');
 * });
 * ```
 */
export function healthHandler(options: {
  health: Health;
}): (req: IncomingMessage, res: ServerResponse) => boolean {
  const { health } = options;
  const endpoints = new Map(
    Object.entries(health.paths).map(([endpoint, path]) => [path, endpoint as Endpoint]),
  );
  return (req, res) => {
    const endpoint = endpoints.get(pathOf(req.url ?? ''));
    if (endpoint === undefined) return false;
    void sendAnswer(health, endpoint, req, res);
    return true;
  };
}

/** Writes an endpoint's answer to a Node response. @internal */
export async function sendAnswer(
  health: Health,
  endpoint: Endpoint,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { status, headers, body } = await health.answer(endpoint, req, res.getHeader('vary'));
  // The caller may have given up while a check ran.
  if (res.headersSent || res.destroyed) return;
  res.statusCode = status;
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.end(body);
}

function pathOf(url: string): string {
  const path = url.split(/[?#]/, 1)[0] ?? '';
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
