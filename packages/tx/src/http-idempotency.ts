import { hash } from 'node:crypto';
import { IdempotencyKeyError } from './errors.js';
import {
  createIdempotency,
  type Idempotency,
  type IdempotencyClaim,
  type IdempotencyOptions,
} from './idempotency.js';
import type { TransactionManager } from './manager.js';

/** Options of `idempotencyMiddleware`, `idempotencyPlugin` and `IdempotencyModule.forRoot`. */
export interface HttpIdempotencyOptions<Request = unknown> extends IdempotencyOptions {
  /** Whose database keeps the keys; or give `idempotency`. */
  tm?: TransactionManager | undefined;
  /** Made by `createIdempotency`; or give `tm`. */
  idempotency?: Idempotency | undefined;
  /** The request header with the key. @default 'idempotency-key' */
  header?: string | undefined;
  /** Methods that are looked at. @default ['POST', 'PATCH'] */
  methods?: readonly string[] | undefined;
  /** Whether such a request without the header is refused with 400. @default false */
  required?: boolean | undefined;
  /** Whose keys these are, such as the tenant: the same key of two scopes is two keys. @default one scope for all */
  scope?: ((request: Request) => string) | undefined;
  /** Longer responses are sent but not kept, in bytes. @default 1_048_576 */
  maxBytes?: number | undefined;
  /** Told when a response could not be kept. @default nobody */
  onError?: ((error: unknown) => void) | undefined;
}

/** What the adapters know of a request. */
export interface HttpIdempotentRequest {
  readonly method: string;
  /** With the query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

/** A response as it is kept. */
export interface KeptHttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Base64 for what is not UTF-8 text. */
  readonly body: string;
  readonly encoding: 'utf8' | 'base64';
}

/** A request whose answer is to be kept. */
export interface HttpIdempotencyClaim {
  readonly maxBytes: number;
  /** Keeps the response, or frees the key when it is a server error or too long. Never rejects. */
  finish(
    status: number,
    header: (name: string) => unknown,
    body: string | Uint8Array | undefined,
  ): Promise<void>;
  /** Frees the key: there is no response that could be kept. Never rejects. */
  release(): Promise<void>;
  /** The connection is closed: the key is free after the lease, unless the response is finished before. */
  letGo(): void;
}

/** What becomes of a request: nothing special, a replay, or a response to keep. */
export type HttpIdempotencyOutcome =
  | { readonly kind: 'pass' }
  | { readonly kind: 'replay'; readonly response: KeptHttpResponse }
  | { readonly kind: 'claimed'; readonly claim: HttpIdempotencyClaim };

/**
 * What the adapters for Express, Fastify and Nest share: RFC draft-ietf-httpapi-idempotency-key-header.
 *
 * @internal
 */
export function createHttpIdempotency<Request>(
  options: HttpIdempotencyOptions<Request>,
): (request: HttpIdempotentRequest, raw: Request) => Promise<HttpIdempotencyOutcome> {
  const {
    header = 'idempotency-key',
    methods = ['POST', 'PATCH'],
    required = false,
    scope,
    onError,
  } = options;
  const { maxBytes = 1_048_576 } = options;
  const idempotency = options.idempotency ?? (options.tm && createIdempotency(options.tm, options));
  if (!idempotency) throw new TypeError('idempotency or tm must be given, got neither');
  const name = header.toLowerCase();
  const watched = new Set(methods.map((method) => method.toUpperCase()));
  const report = (error: unknown) => {
    try {
      onError?.(error);
    } catch {
      // The response is on its way whatever a listener does.
    }
  };

  return async (request, raw) => {
    if (!watched.has(request.method.toUpperCase())) return { kind: 'pass' };
    const key = request.headers[name];
    if (key === undefined && !required) return { kind: 'pass' };
    if (typeof key !== 'string' || key.trim() === '' || key.length > 255) {
      throw new IdempotencyKeyError(`Header ${name} must be one value of 1 to 255 characters`);
    }
    const { method, url, body } = request;
    const claim = await idempotency.claim({
      key: scoped(scope?.(raw), key),
      // Another path or method under the same key is another request.
      body: [method, url, toComparable(body)],
    });
    if (claim.replayed) return { kind: 'replay', response: claim.response as KeptHttpResponse };
    return { kind: 'claimed', claim: httpClaim(claim, maxBytes, report) };
  };
}

type OpenClaim = Extract<IdempotencyClaim, { replayed: false }>;

function httpClaim(
  claim: OpenClaim,
  maxBytes: number,
  report: (error: unknown) => void,
): HttpIdempotencyClaim {
  // The response is on its way, and the effect has happened: an outage here must not become the answer.
  const quietly = async (write: () => Promise<void>) => {
    try {
      await write();
    } catch (error) {
      claim.letGo();
      report(error);
    }
  };
  return {
    maxBytes,
    letGo: () => claim.letGo(),
    release: () => quietly(() => claim.release()),
    finish: (status, header, body) =>
      quietly(async () => {
        const bytes = Buffer.from(body ?? '');
        // A server error is no answer to keep: the client is to try again.
        if (status >= 500 || bytes.length > maxBytes) await claim.release();
        else await claim.complete({ status, headers: keptHeaders(header), ...toText(bytes) });
      }),
  };
}

/**
 * The body of a kept response as bytes.
 *
 * @internal
 */
export function keptBody({ body, encoding }: KeptHttpResponse): Buffer {
  return Buffer.from(body, encoding);
}

/** Long keys and keys of a scope are hashed: no scope can imitate another by a separator. */
function scoped(scope: string | undefined, key: string): string {
  return scope === undefined ? key : `s:${hash('sha256', JSON.stringify([scope, key]))}`;
}

function toComparable(body: unknown): unknown {
  if (Buffer.isBuffer(body)) return hash('sha256', body);
  return body ?? null;
}

function toText(bytes: Buffer): Pick<KeptHttpResponse, 'body' | 'encoding'> {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes)
    ? { body: text, encoding: 'utf8' }
    : { body: bytes.toString('base64'), encoding: 'base64' };
}

// Not all of them: cookies, dates, trace ids and CORS belong to one request.
const keptNames = ['content-type', 'content-encoding', 'content-language', 'location', 'etag', 'link'];

function keptHeaders(header: (name: string) => unknown): Record<string, string> {
  const found = keptNames.map((name) => [name, header(name)] as const);
  return Object.fromEntries(found.filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}
