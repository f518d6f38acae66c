import { randomUUID } from 'node:crypto';
import { complaint } from './validate.js';

/** What fetch takes as a body. */
export type RequestBody = NonNullable<RequestInit['body']>;
/** What fetch takes as headers. */
export type RequestHeaders = NonNullable<RequestInit['headers']>;

/** Values of a query string; undefined and null are left out, an array repeats its key. */
export type Query = URLSearchParams | Readonly<Record<string, QueryValue | readonly QueryValue[]>>;
type QueryValue = string | number | boolean | bigint | null | undefined;

/** Options of one request. */
export interface HttpRequestOptions {
  /** Sent as JSON, with its content type. */
  json?: unknown;
  headers?: RequestHeaders | undefined;
  query?: Query | undefined;
  signal?: AbortSignal | undefined;
  /** In place of the client's attempt timeout, in ms. */
  timeoutMs?: number | undefined;
  /** Sent as `Idempotency-Key`, which makes any method retryable; `true` makes a key for this call. */
  idempotencyKey?: string | boolean | undefined;
  /** Whether a status outside 2xx rejects with `KIT_HTTP_STATUS`. @default true */
  throwOnStatus?: boolean | undefined;
  /** Hands the body over unread; by default bodies up to 1 MiB are read within the attempt. @default false */
  stream?: boolean | undefined;
  /** Route template an adaptive timeout learns for. @default method and path, ids replaced */
  route?: string | undefined;
}

/** Options of `request(path, init)`. */
export interface HttpRequestInit extends HttpRequestOptions {
  /** @default 'GET' */
  method?: string | undefined;
  body?: RequestBody | null | undefined;
  redirect?: 'follow' | 'manual' | 'error' | undefined;
}

/** A request that can be sent more than once. @internal */
export interface PreparedRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: RequestBody | null | undefined;
  readonly redirect: 'follow' | 'manual' | 'error';
  readonly route: string;
  /** For messages: no query, no credentials. */
  readonly label: string;
  /** May be sent again although the first may have arrived. */
  readonly idempotent: boolean;
  readonly replayable: boolean;
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const ID_SEGMENT = /^(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,})$/i;

/** Splits credentials off a base URL: fetch refuses them and would quote them in its error. @internal */
export function parseBaseUrl(value: string | URL): { url: URL; authorization: string | undefined } {
  if (!URL.canParse(String(value)) || !/^https?:$/.test(new URL(value).protocol))
    throw new TypeError(complaint('baseUrl', 'an absolute http(s) URL', withoutUser(value)));
  const url = new URL(value);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (!username && !password) return { url, authorization: undefined };
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

// It may hold credentials, which are to stand in no message.
const withoutUser = (value: unknown): unknown =>
  typeof value === 'string' && value.includes('@') ? '[hidden]' : value;

/** @internal */
export function prepareRequest(
  base: URL,
  defaultHeaders: Headers,
  path: string,
  init: HttpRequestInit,
): PreparedRequest {
  const method = (init.method ?? 'GET').toUpperCase();
  const url = resolveUrl(base, path, init.query);
  const headers = new Headers(defaultHeaders);
  for (const [name, value] of new Headers(init.headers)) headers.set(name, value);
  const body = bodyOf(init, headers);
  const key = idempotencyKeyOf(init.idempotencyKey);
  if (key !== undefined) headers.set('idempotency-key', key);
  return {
    method,
    url,
    headers,
    body,
    redirect: init.redirect ?? 'follow',
    route: init.route ?? routeOf(method, url),
    label: `${method} ${url.origin}${url.pathname}`,
    idempotent: IDEMPOTENT.has(method) || headers.has('idempotency-key'),
    replayable: !isStream(body),
  };
}

// An empty key, say of a variable that was not set, would make of a call that may be repeated one that may not, in silence.
function idempotencyKeyOf(key: string | boolean | undefined): string | undefined {
  if (key === undefined || key === false) return undefined;
  if (key === true) return randomUUID();
  if (typeof key === 'string' && /^[\x20-\x7e]+$/.test(key) && key.trim() !== '') return key;
  throw new TypeError(complaint('idempotencyKey', 'true or a non-empty string of ASCII characters', key));
}

/** `path` is always below the base: a path from outside cannot lead to another host or part of it. */
function resolveUrl(base: URL, path: string, query: Query | undefined): URL {
  if (typeof path !== 'string') throw new TypeError(complaint('path', 'a string', path));
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(path))
    throw new TypeError('path must be relative to baseUrl, got an absolute URL');
  const url = new URL(base);
  const [, pathname = '', search = ''] = /^([^?#]*)(\?[^#]*)?/.exec(path)!;
  const root = base.pathname.replace(/\/+$/, '');
  url.pathname = pathname === '' ? base.pathname : `${root}/${pathname.replace(/^\/+/, '')}`;
  // Dots, encoded or not, are resolved by now.
  if (!`${url.pathname}/`.startsWith(`${root}/`))
    throw new TypeError('path must stay below baseUrl, got one that leads out of it');
  if (search) url.search = search;
  for (const [name, value] of queryPairs(query)) url.searchParams.append(name, value);
  return url;
}

function* queryPairs(query: Query | undefined): Iterable<[string, string]> {
  if (query === undefined) return;
  if (query instanceof URLSearchParams) return yield* query;
  for (const [name, value] of Object.entries(query))
    for (const one of Array.isArray(value) ? (value as QueryValue[]) : [value as QueryValue])
      if (one !== undefined && one !== null) yield [name, String(one)];
}

function bodyOf({ json, body }: HttpRequestInit, headers: Headers): RequestBody | null | undefined {
  if (json === undefined) return body;
  if (body !== undefined && body !== null) throw new TypeError('json must be given without body, got both');
  if (!headers.has('content-type')) headers.set('content-type', 'application/json');
  return JSON.stringify(json);
}

function isStream(body: RequestBody | null | undefined): boolean {
  if (typeof body !== 'object' || body === null) return false;
  return 'getReader' in body || (Symbol.asyncIterator in body && !('arrayBuffer' in body));
}

function routeOf(method: string, url: URL): string {
  const segments = url.pathname.split('/').map((segment) => (ID_SEGMENT.test(segment) ? ':id' : segment));
  return `${method} ${segments.join('/')}`;
}
