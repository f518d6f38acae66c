import { optionalFunction, optionsObject } from './check.js';
import { injectTrace } from './context.js';
import { compileHosts } from './hosts.js';
import { tracePort } from './port.js';

export interface TracedFetchOptions {
  /**
   * Hosts the trace is sent to: `api.internal`, `*.internal` for every name below it, `localhost:3001` for one port.
   * @default []
   */
  allow?: readonly string[];
}

// What fetch allows, WHATWG Fetch §4.5.
const maxRedirects = 20;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);
const bodyHeaders = [
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'content-length',
];
const originHeaders = ['authorization', 'proxy-authorization', 'cookie', 'host'];

/**
 * A `fetch` that sends the trace to the listed hosts and to no other, redirects included. Each attempt and each hop has a
 * span id of its own.
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import { tracedFetch } from '@kit/trace';
 *
 * const call = tracedFetch(fetch, { allow: ['*.internal', 'localhost:3001'] });
 * const response = await call('http://localhost:3001/orders');
 * console.log(response.status);
 * ```
 */
export function tracedFetch(
  fetch?: typeof globalThis.fetch,
  options: TracedFetchOptions = {},
): typeof globalThis.fetch {
  optionalFunction('fetch', fetch);
  optionsObject('options', options);
  const isListed = compileHosts('allow', options.allow);
  // The global one is read at each call: a test or an APM may replace it later.
  const send: typeof globalThis.fetch = (input, init) => (fetch ?? globalThis.fetch)(input, init);

  return async (input, init) => {
    const url = urlOf(input);
    if (tracePort.getTrace() === undefined || url === undefined || !isListed(url)) return send(input, init);
    const redirect = init?.redirect ?? (input instanceof Request ? input.redirect : 'follow');
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
    if (redirect !== 'follow') return send(input, { ...init, headers: injectTrace(headers) });
    return follow(send, isListed, { url, input, init: { ...init, headers } });
  };
}

interface Hop {
  url: URL;
  input: Parameters<typeof globalThis.fetch>[0];
  init: RequestInit & { headers: Headers };
}

// fetch would send our headers on to wherever it is redirected, so redirects are followed here, one at a time.
async function follow(
  send: typeof globalThis.fetch,
  isListed: (url: URL) => boolean,
  first: Hop,
): Promise<Response> {
  let hop = first;
  for (let redirects = 0; ; redirects++) {
    const headers = new Headers(hop.init.headers);
    if (isListed(hop.url)) injectTrace(headers);
    const response = await send(copyOf(hop.input), { ...hop.init, headers, redirect: 'manual' });
    const location = response.headers.get('location');
    if (!redirectStatuses.has(response.status) || location === null)
      return finalResponse(response, redirects);
    await response.body?.cancel();
    if (redirects === maxRedirects)
      throw new TypeError('fetch failed', { cause: new Error('redirect count exceeded') });
    hop = nextHop(hop, response.status, new URL(location, hop.url));
  }
}

// WHATWG Fetch §4.5 HTTP-redirect fetch.
function nextHop(hop: Hop, status: number, url: URL): Hop {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError('fetch failed', { cause: new Error('URL scheme must be a HTTP(S) scheme') });
  const request = hop.input instanceof Request ? hop.input : undefined;
  const method = (hop.init.method ?? request?.method ?? 'GET').toUpperCase();
  const body = hop.init.body ?? request?.body ?? null;
  const headers = new Headers(hop.init.headers);
  const init: Hop['init'] = { ...hop.init, method, headers };
  const becomesGet =
    status === 303 ? method !== 'GET' && method !== 'HEAD' : status < 303 && method === 'POST';
  if (becomesGet) {
    init.method = 'GET';
    delete init.body;
    for (const name of bodyHeaders) headers.delete(name);
  } else if (body !== null && (request?.body === body || isStream(body)))
    throw new TypeError('fetch failed', { cause: new Error('a streamed body cannot be sent a second time') });
  if (url.origin !== hop.url.origin) for (const name of originHeaders) headers.delete(name);
  init.signal ??= request?.signal ?? null;
  return { url, input: url, init };
}

function finalResponse(response: Response, redirects: number): Response {
  if (redirects > 0) Object.defineProperty(response, 'redirected', { value: true });
  return response;
}

function copyOf(input: Hop['input']): Hop['input'] {
  return input instanceof URL ? new URL(input) : input;
}

function isStream(body: unknown): boolean {
  return body instanceof ReadableStream || typeof (body as { pipe?: unknown }).pipe === 'function';
}

function urlOf(input: Hop['input']): URL | undefined {
  const text = input instanceof Request ? input.url : String(input);
  return URL.canParse(text) ? new URL(text) : undefined;
}
