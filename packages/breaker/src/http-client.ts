import type { Breaker } from './breaker-types.js';
import { type HttpStatusError, isHttpStatusError } from './errors.js';
import { takeBody } from './http-body.js';
import { toStatusError } from './http-error.js';
import {
  type HttpRequestInit,
  type HttpRequestOptions,
  type PreparedRequest,
  type RequestHeaders,
  parseBaseUrl,
  prepareRequest,
} from './http-request.js';
import { mayResend } from './http-retry.js';
import { type Fallback, checkFallback } from './pipeline.js';
import { type PipelinePartsOptions, makeParts } from './pipeline-parts.js';
import { runThrough } from './pipeline-run.js';
import type { TimedContext } from './timed-call.js';
import { traceHeaders } from './trace-port.js';
import {
  TIMER_MS,
  checkBoolean,
  checkFunction,
  checkObject,
  checkOptionalNumber,
  complaint,
} from './validate.js';

/** The part of `fetch` that the client uses. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Options of `createHttpClient`; without a breaker, retry, timeout or bulkhead it is a plain client. */
export interface HttpClientOptions extends PipelinePartsOptions {
  /** What every path is below; credentials in it are sent as `Authorization`. */
  baseUrl: string | URL;
  /** Sent with every request. */
  headers?: RequestHeaders | undefined;
  /** @default globalThis.fetch */
  fetch?: Fetch | undefined;
  /** undici dispatcher: an `Agent` with its own pool, a proxy. */
  dispatcher?: object | undefined;
  /** Whether the current trace goes along, with a new span id an attempt. @default true */
  traceHeaders?: boolean | undefined;
  /** Response bodies beyond this many bytes reject with `KIT_HTTP_BODY_TOO_LARGE`. @default no limit */
  maxResponseBytes?: number | undefined;
  /** Answers when everything else has failed. */
  fallback?: Fallback<Response> | undefined;
}

/** A promise of a response, with the shortcuts that users of ky know. */
export interface ResponsePromise extends Promise<Response> {
  json<T = unknown>(): Promise<T>;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
}

/** An HTTP client for one partner. */
export interface HttpClient {
  readonly name: string;
  readonly breaker: Breaker | undefined;
  request(path: string, init?: HttpRequestInit): ResponsePromise;
  get(path: string, options?: HttpRequestOptions): ResponsePromise;
  post(path: string, options?: HttpRequestOptions): ResponsePromise;
  put(path: string, options?: HttpRequestOptions): ResponsePromise;
  patch(path: string, options?: HttpRequestOptions): ResponsePromise;
  delete(path: string, options?: HttpRequestOptions): ResponsePromise;
}

/**
 * Creates an HTTP client for one partner on top of fetch.
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import { createHttpClient, presets } from '@kit/breaker';
 *
 * const orders = createHttpClient({ name: 'order-service', baseUrl: 'http://localhost:3101', ...presets.standard });
 * const order = await orders.post('/orders', { json: { sku: 'A1' }, idempotencyKey: 'order-7' }).json();
 * ```
 */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const parts = makeParts(options);
  const withFallback = checkFallback(options.fallback);
  const { url: base, authorization } = parseBaseUrl(options.baseUrl);
  if (options.headers !== undefined && !Array.isArray(options.headers))
    checkObject('headers', options.headers);
  const headers = new Headers(options.headers);
  if (authorization !== undefined && !headers.has('authorization'))
    headers.set('authorization', authorization);
  const send = createSender(options, parts.name);

  const request = async (path: string, init: HttpRequestInit): Promise<Response> => {
    const { signal, throwOnStatus = true } = init;
    const timeoutMs = checkOptionalNumber('timeoutMs', init.timeoutMs, TIMER_MS);
    if (init.headers !== undefined && !Array.isArray(init.headers)) checkObject('headers', init.headers);
    if (signal && typeof signal.addEventListener !== 'function')
      throw new TypeError(complaint('signal', 'an AbortSignal', signal));
    const prepared = prepareRequest(base, headers, path, init);
    let last: HttpStatusError | undefined;
    const call = {
      signal,
      timeoutMs,
      key: prepared.route,
      mayRetry: (error: unknown, chosen: boolean) => mayResend(prepared, error, chosen),
    };
    const run = async () => {
      try {
        return await runThrough(parts, call, async (context) => {
          await discard(last);
          const response = await send(prepared, context, { stream: init.stream ?? false, throwOnStatus });
          if (response.ok) return response;
          last = await toStatusError(prepared, response, !throwOnStatus);
          throw last;
        });
      } catch (error) {
        // Retry and breaker had to see the status as an error; the caller asked for the response.
        if (!throwOnStatus && isHttpStatusError(error)) return error.response;
        throw error;
      }
    };
    return withFallback === undefined ? run() : withFallback(run, signal);
  };
  const method =
    (name: string) =>
    (path: string, init: HttpRequestOptions = {}) =>
      withShortcuts(request(path, { ...init, method: name }));

  return {
    name: parts.name,
    breaker: parts.breaker,
    request: (path, init = {}) => withShortcuts(request(path, init)),
    get: method('GET'),
    post: method('POST'),
    put: method('PUT'),
    patch: method('PATCH'),
    delete: method('DELETE'),
  };
}

function createSender(options: HttpClientOptions, subject: string) {
  const ownFetch = checkFunction('fetch', options.fetch);
  const traced = checkBoolean('traceHeaders', options.traceHeaders, true);
  const maxResponseBytes = checkOptionalNumber('maxResponseBytes', options.maxResponseBytes, { above: 0 });
  const { dispatcher } = options;

  return async (
    request: PreparedRequest,
    context: TimedContext,
    { stream, throwOnStatus }: { stream: boolean; throwOnStatus: boolean },
  ): Promise<Response> => {
    const { method, url, body, redirect, label } = request;
    const { timeoutMs, signal } = context;
    const headers = new Headers(request.headers);
    if (traced) for (const [name, value] of Object.entries(traceHeaders())) headers.set(name, value);
    if (timeoutMs !== undefined) headers.set('x-request-timeout-ms', String(Math.floor(timeoutMs)));
    const startedAt = performance.now();
    const init: Record<string, unknown> = {
      method,
      headers,
      redirect,
      signal,
    };
    if (body !== undefined && body !== null) init.body = body;
    // undici wants to be told that a streamed body does not wait for the answer.
    if (!request.replayable) init.duplex = 'half';
    if (dispatcher !== undefined) init.dispatcher = dispatcher;
    const response = await (ownFetch ?? globalThis.fetch)(url.href, init);
    // Its status says what it is, however large its body; the error takes the start of it.
    if (throwOnStatus && !response.ok) return response;
    const leftMs = timeoutMs === undefined ? undefined : timeoutMs - (performance.now() - startedAt);
    return takeBody(response, { label, subject, maxResponseBytes, timeoutMs: leftMs, stream });
  };
}

/** A response that is not handed out must not hold its connection. */
async function discard(error: HttpStatusError | undefined): Promise<void> {
  try {
    await error?.response.body?.cancel();
  } catch {
    // Somebody reads it already.
  }
}

function withShortcuts(response: Promise<Response>): ResponsePromise {
  return Object.assign(response, {
    json: async <T>() => (await response).json() as Promise<T>,
    text: async () => (await response).text(),
    arrayBuffer: async () => (await response).arrayBuffer(),
    blob: async () => (await response).blob(),
  });
}
