import {
  createHttpIdempotency,
  type HttpIdempotencyOptions,
  type HttpIdempotentRequest,
  keptBody,
} from './http-idempotency.js';

/** What Express's response and Fastify's reply have in common. */
interface PlatformResponse {
  readonly statusCode: number;
  readonly headersSent?: boolean;
  readonly sent?: boolean;
  status(status: number): unknown;
  header(name: string, value: string): unknown;
  getHeader?(name: string): unknown;
}

/**
 * Idempotency keys around a handler that returns its answer as a value, as in Nest: the value, its status and what headers it set are kept.
 *
 * @internal
 * @returns the handler's value, or the kept one.
 */
export function createIdempotencyWrapper<Request>(
  options: HttpIdempotencyOptions<Request>,
): (
  request: Request & HttpIdempotentRequest & { originalUrl?: string },
  response: PlatformResponse,
  handle: () => Promise<unknown>,
) => Promise<unknown> {
  const begin = createHttpIdempotency(options);
  return async (request, response, handle) => {
    const { method, headers, body } = request;
    const outcome = await begin({ method, url: request.originalUrl ?? request.url, headers, body }, request);
    if (outcome.kind === 'pass') return handle();
    if (outcome.kind === 'replay') {
      const { status, headers } = outcome.response;
      response.status(status);
      for (const [name, value] of Object.entries(headers)) response.header(name, value);
      response.header('idempotency-replayed', 'true');
      const text = keptBody(outcome.response).toString();
      return text === '' ? undefined : (JSON.parse(text) as unknown);
    }
    let value: unknown;
    try {
      value = await handle();
    } catch (error) {
      // What it becomes is decided by filters further out: nothing here could be kept.
      await outcome.claim.release();
      throw error;
    }
    // A handler that answered by itself, or with a stream, gave us nothing to keep.
    if (response.headersSent || response.sent || isStream(value)) await outcome.claim.release();
    else await outcome.claim.finish(response.statusCode, (name) => response.getHeader?.(name), toJson(value));
    return value;
  };
}

function isStream(value: unknown): boolean {
  const { pipe, getStream } = (value ?? {}) as { pipe?: unknown; getStream?: unknown };
  return typeof pipe === 'function' || typeof getStream === 'function';
}

function toJson(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
