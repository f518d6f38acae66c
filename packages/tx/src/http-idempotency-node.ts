import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  createHttpIdempotency,
  type HttpIdempotencyClaim,
  type HttpIdempotencyOptions,
  keptBody,
  type KeptHttpResponse,
} from './http-idempotency.js';

/** What Express adds to Node's request. */
interface ParsedRequest extends IncomingMessage {
  originalUrl?: string;
  body?: unknown;
}

/**
 * Idempotency keys for anything that handles requests like Express: mount it after the body parser.
 *
 * @internal
 */
export function createIdempotencyHandler<Request extends ParsedRequest>(
  options: HttpIdempotencyOptions<Request>,
): (request: Request, response: ServerResponse, next: (error?: unknown) => void) => void {
  const begin = createHttpIdempotency(options);
  return (request, response, next) => {
    const { method = 'GET', headers, body } = request;
    begin({ method, url: request.originalUrl ?? request.url ?? '/', headers, body }, request).then(
      (outcome) => {
        if (outcome.kind === 'replay') return sendKept(response, outcome.response);
        if (outcome.kind === 'claimed') keepResponse(response, outcome.claim);
        // oxlint-disable-next-line promise/no-callback-in-promise -- Express's way of going on
        return next();
      },
      next,
    );
  };
}

/** The response goes out as it is written, but ends only once it is kept: a client that saw it all can rely on it. */
function keepResponse(response: ServerResponse, claim: HttpIdempotencyClaim): void {
  const write = response.write.bind(response) as (...args: unknown[]) => boolean;
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
  const chunks: Buffer[] = [];
  let size = 0;
  let ended = false;
  const collect = ([chunk, encoding]: unknown[]) => {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return;
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
        : Buffer.from(chunk);
    size += bytes.length;
    if (size <= claim.maxBytes) chunks.push(bytes);
  };
  response.write = ((...args: unknown[]) => {
    collect(args);
    return write(...args);
  }) as ServerResponse['write'];
  response.end = ((...args: unknown[]) => {
    if (ended) return response;
    ended = true;
    collect(args);
    const kept =
      size > claim.maxBytes
        ? claim.release()
        : claim.finish(response.statusCode, (name) => response.getHeader(name), Buffer.concat(chunks));
    void kept.then(() => end(...args));
    return response;
  }) as ServerResponse['end'];
  response.once('close', () => {
    if (!ended) claim.letGo();
  });
}

function sendKept(response: ServerResponse, kept: KeptHttpResponse): void {
  response.statusCode = kept.status;
  for (const [name, value] of Object.entries(kept.headers)) response.setHeader(name, value);
  response.setHeader('idempotency-replayed', 'true');
  response.end(keptBody(kept));
}
