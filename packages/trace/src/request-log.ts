import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRootLogger, tracedLogger } from './get-logger.js';
import type { Exchange, TraceOptions } from './request-options.js';
import type { Trace } from './trace.js';

/** @internal Logs `request started`, and once `request finished` or `request aborted`. */
export function createRequestLog<Req>(
  options: TraceOptions<Req>,
): (exchange: Exchange<Req>, trace: Trace) => void {
  const { logStart = true, ignore = [], slowMs = 1000, userId } = options;
  const startLevel = logStart === 'debug' ? 'debug' : 'info';

  return (exchange, trace) => {
    const { raw, response } = exchange;
    const path = pathOf(raw);
    if (ignore.length > 0 && isIgnored(ignore, exchange.request, path)) return;
    // The listeners below run in nobody's trace, so the logger has to carry it.
    const log = tracedLogger(options.logger ?? getRootLogger(), trace);
    const { method } = raw;
    const { socket } = raw;
    const startedAt = performance.now();
    const bytesBefore = socket?.bytesWritten ?? 0;
    let ended = false;
    if (logStart !== false) log[startLevel]({ method, path }, 'request started');

    const end = (aborted: boolean): void => {
      if (ended) return;
      ended = true;
      const durationMs = Math.round((performance.now() - startedAt) * 1000) / 1000;
      const { statusCode } = response;
      const line: Record<string, unknown> = {
        method,
        path,
        route: routeOf(exchange.request),
        status: aborted && !response.headersSent ? undefined : statusCode,
        durationMs,
        bytes: bytesOf(raw, response, (socket?.bytesWritten ?? 0) - bytesBefore),
      };
      if (userId !== undefined) line.userId = valueOf(userId, exchange.request);
      if (durationMs >= slowMs) line.slow = true;
      if (aborted) log.warn(line, 'request aborted');
      else log[levelOf(statusCode)](line, 'request finished');
    };
    response.on('finish', () => end(false));
    response.on('close', () => end(true));
  };
}

function levelOf(status: number): 'error' | 'warn' | 'info' {
  if (status >= 500) return 'error';
  return status >= 400 ? 'warn' : 'info';
}

function pathOf(raw: IncomingMessage): string {
  const url = (raw as { originalUrl?: string }).originalUrl ?? raw.url ?? '/';
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

function isIgnored<Req>(
  ignore: readonly (string | ((request: Req) => boolean))[],
  request: Req,
  path: string,
): boolean {
  return ignore.some((rule) => (typeof rule === 'string' ? rule === path : valueOf(rule, request) === true));
}

// A callback of the application must not decide whether a response is sent.
function valueOf<Req, T>(callback: (request: Req) => T, request: Req): T | undefined {
  try {
    return callback(request);
  } catch {
    return undefined;
  }
}

interface RoutedRequest {
  /** Fastify */
  routeOptions?: { url?: string };
  /** Express */
  baseUrl?: string;
  route?: { path?: string | RegExp | readonly (string | RegExp)[] };
}

function routeOf(request: unknown): string | undefined {
  const { routeOptions, route, baseUrl = '' } = request as RoutedRequest;
  if (routeOptions !== undefined) return routeOptions.url;
  return route?.path === undefined ? undefined : baseUrl + String(route.path);
}

// Without a Content-Length (a stream) what the socket took, less the head: the body with its chunk borders.
function bytesOf(raw: IncomingMessage, response: ServerResponse, sent: number): number {
  const { statusCode } = response;
  if (raw.method === 'HEAD' || statusCode === 204 || statusCode === 304) return 0;
  const declared = Number(response.getHeader('content-length'));
  if (Number.isFinite(declared) && response.writableFinished) return declared;
  const head = (response as { _header?: string | null })._header?.length ?? 0;
  return Math.max(0, sent - head);
}
