import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { optionalBoolean, optionalFunction, show } from './check.js';
import type { TrustInbound } from './trust.js';

/** Options of every adapter; `Req` is the framework's request. */
export interface TraceOptions<Req = IncomingMessage> {
  /**
   * The pino logger of the request log.
   * @default the root: the last `createLogger`, else one with defaults
   */
  logger?: Logger | undefined;
  /**
   * Whose `traceparent`, `X-Trace-ID` and `X-Request-ID` are taken over: nobody's, everybody's, those of direct peers in a
   * list of IP addresses and CIDR ranges, or those a predicate accepts.
   * @default false
   */
  trustInbound?: TrustInbound<Req> | undefined;
  /**
   * Whether `request started` is logged; `'debug'` logs it at that level.
   * @default true
   */
  logStart?: boolean | 'debug' | undefined;
  /**
   * Requests without a request log, by exact path or by predicate. They still have a trace and its headers.
   * @default []
   */
  ignore?: readonly (string | ((request: Req) => boolean))[] | undefined;
  /**
   * From this duration on a finished request carries `slow: true`, in milliseconds, at least 0.
   * @default 1000
   */
  slowMs?: number | undefined;
  /** Who is asking; called when the response ends, so after authentication. */
  userId?: ((request: Req) => string | undefined) | undefined;
}

/** What Nest hands on: Express's request, or Fastify's with the raw one in `raw`. */
export type PlatformRequest = IncomingMessage & { raw: IncomingMessage };

/** @internal What an adapter knows of a request that begins. */
export interface Exchange<Req> {
  /** The framework's request: what predicates and `userId` are given. */
  request: Req;
  raw: IncomingMessage;
  response: ServerResponse;
  /** The Content-Length that was handed to `writeHead`, which Node does not tell afterwards. */
  declaredBytes?: unknown;
}

/** @internal */
export function checkOptions<Req>(options: TraceOptions<Req>): void {
  const { ignore = [], logger, logStart, slowMs = 1000, userId } = options;
  if (logger !== undefined && typeof (logger as Partial<Logger> | null)?.child !== 'function')
    throw new TypeError(`logger must be a pino logger, got ${show(logger)}`);
  if (logStart !== 'debug') optionalBoolean('logStart', logStart);
  if (typeof slowMs !== 'number' || !(slowMs >= 0))
    throw new RangeError(`slowMs must be a number >= 0, got ${show(slowMs)}`);
  if (!Array.isArray(ignore) || ignore.some((rule) => typeof rule !== 'string' && typeof rule !== 'function'))
    throw new TypeError(`ignore must be a list of paths and functions, got ${show(ignore)}`);
  optionalFunction('userId', userId);
}
