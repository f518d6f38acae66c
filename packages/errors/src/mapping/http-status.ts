import type { CommonErrorCode } from '../common-errors.js';
import { read, readNumber, readString } from '../read.js';

/** The status that an HTTP error of any framework asks for; undefined unless it is an error status. */
export function statusOf(error: unknown): number | undefined {
  return (
    explicitStatusOf(error) ??
    asErrorStatus(read(error, 'statusCode')) ??
    asErrorStatus(read(error, 'status'))
  );
}

/** The status where somebody gave it on purpose: boom, http-errors (which say `expose`), Nest. */
export function explicitStatusOf(error: unknown): number | undefined {
  if (read(error, 'isBoom') === true) return asErrorStatus(read(read(error, 'output'), 'statusCode'));
  if (isNestException(error)) return asErrorStatus(callStatus(error));
  if (typeof read(error, 'expose') !== 'boolean') return undefined;
  return asErrorStatus(read(error, 'statusCode')) ?? asErrorStatus(read(error, 'status'));
}

/** Nest's HttpException by its two methods. */
export function isNestException(error: unknown): boolean {
  return typeof read(error, 'getStatus') === 'function' && typeof read(error, 'getResponse') === 'function';
}

/** The common code nearest to a status: its own where there is one, else the one that asks the same of a caller. */
export function nearestCode(status: number): CommonErrorCode {
  return byStatus[status] ?? (status < 500 ? 'VAL_INVALID_INPUT' : 'SYS_INTERNAL_ERROR');
}

/** `Retry-After` (RFC 9110 §10.2.3, seconds or a date) on an error that carries headers, in milliseconds. */
export function retryAfterMsOf(error: unknown): number | undefined {
  const given = readNumber(error, 'retryAfterMs');
  if (given !== undefined && given >= 0 && Number.isFinite(given)) return given;
  const headers = read(error, 'headers') ?? read(read(error, 'output'), 'headers');
  const header = read(headers, 'retry-after') ?? read(headers, 'Retry-After');
  if (typeof header !== 'string' && typeof header !== 'number') return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(String(header)) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** The text of a foreign error that was written for callers: its author said so, and it is about their request. */
export function exposedMessageOf(error: unknown, status: number): string | undefined {
  if (status >= 500) return undefined;
  if (read(error, 'isBoom') === true) return readString(read(read(error, 'output'), 'payload'), 'message');
  return read(error, 'expose') === true ? readString(error, 'message') : undefined;
}

const byStatus: Record<number, CommonErrorCode> = {
  401: 'AUTH_FAILED',
  403: 'AUTH_FORBIDDEN',
  404: 'RES_NOT_FOUND',
  405: 'BIZ_INVALID_OPERATION',
  406: 'VAL_UNSUPPORTED_MEDIA',
  408: 'SYS_TIMEOUT',
  409: 'RES_CONFLICT',
  410: 'RES_NOT_FOUND',
  412: 'RES_CONFLICT',
  413: 'VAL_TOO_LARGE',
  414: 'VAL_TOO_LARGE',
  415: 'VAL_UNSUPPORTED_MEDIA',
  422: 'BIZ_INVALID_OPERATION',
  423: 'RES_CONFLICT',
  425: 'RES_CONFLICT',
  428: 'RES_CONFLICT',
  429: 'SYS_RATE_LIMITED',
  431: 'VAL_TOO_LARGE',
  451: 'AUTH_FORBIDDEN',
  502: 'SYS_UPSTREAM_ERROR',
  503: 'SYS_UNAVAILABLE',
  504: 'SYS_TIMEOUT',
};

function asErrorStatus(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 400 && value <= 599
    ? value
    : undefined;
}

function callStatus(error: unknown): unknown {
  try {
    return (error as { getStatus(): unknown }).getStatus();
  } catch {
    return undefined;
  }
}
