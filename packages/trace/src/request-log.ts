import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { getRootLogger, tracedLogger } from './get-logger.js';
import { writePlainLine, type RequestLine, type RequestLineLevel } from './plain-line.js';
import type { Exchange, TraceOptions } from './request-options.js';
import type { Trace } from './trace.js';
import { answerOf } from './user-callback.js';

/** @internal Logs `request started`, and once `request finished` or `request aborted`. */
export function createRequestLog<Req>(
  options: TraceOptions<Req>,
): (exchange: Exchange<Req>, trace: Trace) => void {
  const { logger, logStart = true, ignore = [] } = options;
  const startLevel = logStart === 'debug' ? 'debug' : 'info';

  return (exchange, trace) => {
    const { raw, response } = exchange;
    const path = pathOf(raw);
    if (ignore.length > 0 && isIgnored(ignore, exchange.request, path)) return;
    const begun: Begun<Req> = {
      exchange,
      path,
      trace,
      logger: logger ?? getRootLogger(),
      startedAt: performance.now(),
      socket: raw.socket,
      bytesBefore: raw.socket?.bytesWritten ?? 0,
      ended: false,
    };
    if (logStart !== false) write(begun, startLevel, { method: raw.method, path }, 'request started');
    response.on('finish', () => logEnd(begun, options, false));
    response.on('close', () => logEnd(begun, options, true));
  };
}

interface Begun<Req> {
  readonly exchange: Exchange<Req>;
  readonly path: string;
  readonly trace: Trace;
  readonly logger: Logger;
  readonly startedAt: number;
  /** Kept: a response lets go of its socket when it ends. */
  readonly socket: Socket | undefined;
  readonly bytesBefore: number;
  ended: boolean;
}

function logEnd<Req>(begun: Begun<Req>, options: TraceOptions<Req>, aborted: boolean): void {
  if (begun.ended) return;
  begun.ended = true;
  const { exchange, path, startedAt } = begun;
  const { request, raw, response } = exchange;
  const { slowMs = 1000, userId } = options;
  const durationMs = Math.round((performance.now() - startedAt) * 1000) / 1000;
  const line: RequestLine = {
    method: raw.method,
    path,
    route: routeOf(request),
    status: aborted && !response.headersSent ? undefined : response.statusCode,
    durationMs,
    bytes: bytesOf(begun),
  };
  if (userId !== undefined) line.userId = answerOf(userId, request);
  if (durationMs >= slowMs) line.slow = true;
  if (aborted) write(begun, 'warn', line, 'request aborted');
  else write(begun, levelOf(response.statusCode), line, 'request finished');
}

// A serializer or a destination of the application's logger that throws would end the process here, in a listener.
function write(
  { logger, trace }: Begun<unknown>,
  level: RequestLineLevel,
  line: RequestLine,
  message: string,
): void {
  try {
    if (writePlainLine(logger, level, trace, line, message)) return;
    // The listeners run in nobody's trace, so the logger has to carry it.
    tracedLogger(logger, trace)[level](line, message);
  } catch (error) {
    process.emitWarning(`the request log failed: ${String(error)}`, { code: 'KIT_TRACE_CALLBACK' });
  }
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
  return ignore.some((rule) => (typeof rule === 'string' ? rule === path : answerOf(rule, request) === true));
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
function bytesOf({ exchange, socket, bytesBefore }: Begun<unknown>): number {
  const { raw, response, declaredBytes } = exchange;
  const { statusCode } = response;
  if (raw.method === 'HEAD' || statusCode === 204 || statusCode === 304) return 0;
  const declared = Number(declaredBytes ?? response.getHeader('content-length'));
  if (Number.isFinite(declared) && response.writableFinished) return declared;
  const head = (response as { _header?: string | null })._header?.length ?? 0;
  return Math.max(0, (socket?.bytesWritten ?? 0) - bytesBefore - head);
}
