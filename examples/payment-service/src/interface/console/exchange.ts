import type { IncomingMessage, ServerResponse } from 'node:http';

/** What the framework knows better than the bare request. */
export interface RequestFacts {
  /** The caller's address, seen through trusted proxies. @default the socket's */
  ip?: string | undefined;
  /** Whether the caller came by https. @default whether the socket did */
  secure?: boolean | undefined;
  /** Path and query before a router cut off its prefix. @default req.url */
  url?: string | undefined;
  /** The body where a parser has read it already. @default it is read here */
  body?: unknown;
}

/** One request on its way through the console. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  /** Below the base path: `/`, `/login`, … */
  readonly path: string;
  readonly ip: string;
  readonly secure: boolean;
  readonly body: unknown;
}

/** An answer that is no page: the status says what is wrong, the text says it to people. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/**
 * No script, style, image or connection but our own, no inline code, no way to make markup from text, no frame around us.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

export function send(
  { req, res, method }: Pick<Exchange, 'req' | 'res' | 'method'>,
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: string | Buffer = '',
): void {
  if (res.headersSent || res.destroyed) return;
  res.statusCode = status;
  setSecurityHeaders(res);
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  if (status !== 204 && status !== 304) res.setHeader('content-length', Buffer.byteLength(body));
  // Who is refused in the middle of a body gets no second request out of this connection.
  if (!req.complete) res.setHeader('connection', 'close');
  res.end(method === 'HEAD' ? undefined : body);
}

export function setSecurityHeaders(res: ServerResponse): void {
  res.setHeader('content-security-policy', policy);
  res.setHeader('x-content-type-options', 'nosniff');
  res.setHeader('x-frame-options', 'DENY');
  // With no-referrer browsers send `Origin: null` with our own forms.
  res.setHeader('referrer-policy', 'same-origin');
  res.setHeader('cross-origin-opener-policy', 'same-origin');
  res.setHeader('cross-origin-resource-policy', 'same-origin');
  res.setHeader('cache-control', 'no-store, no-transform');
  res.setHeader('x-robots-tag', 'noindex');
}

export const sendJson = (exchange: Exchange, status: number, value: unknown, headers = {}) =>
  send(exchange, status, { 'content-type': 'application/json', ...headers }, JSON.stringify(value));

export const redirect = (exchange: Exchange, location: string, headers = {}) =>
  send(exchange, 303, { location, ...headers });

/**
 * Refuses what another site makes a browser send. Browsers say where a request comes from in Sec-Fetch-Site, on plain http
 * at least in Origin; who says nothing is no browser, and has no cookie that it did not bring itself.
 */
export function requireSameOrigin({ headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site'];
  const { origin, host } = headers;
  const isOurs =
    site === undefined
      ? origin === undefined || hostOf(origin) === host?.toLowerCase()
      : site === 'same-origin';
  if (!isOurs) throw new Refusal(403, 'This request comes from another site.');
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

export function cookieOf({ headers }: IncomingMessage, name: string): string | undefined {
  for (const pair of (headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}
