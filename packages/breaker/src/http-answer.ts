import type { HttpAnswer } from './admin.js';
import {
  isBreakerOpenError,
  isBulkheadFullError,
  isDeadlineExceededError,
  isTimeoutError,
} from './errors.js';

const DEFAULT_RETRY_AFTER_MS = 1_000;

/**
 * What a caller of our service is told of this package's errors: 503 with `Retry-After` for what was not even sent,
 * 504 for what took too long; undefined for every other error. No partner is named.
 *
 * @internal
 */
export function toHttpAnswer(error: unknown): HttpAnswer | undefined {
  if (isBreakerOpenError(error)) return unavailable(error.code, error.retryAfterMs);
  if (isBulkheadFullError(error)) return unavailable(error.code, DEFAULT_RETRY_AFTER_MS);
  if (isTimeoutError(error) || isDeadlineExceededError(error))
    return problem(504, 'Gateway Timeout', error.code, 'The request took too long', {});
  return undefined;
}

function unavailable(code: string, retryAfterMs: number): HttpAnswer {
  const seconds = String(Math.max(1, Math.ceil(retryAfterMs / 1_000)));
  return problem(503, 'Service Unavailable', code, 'Not available at the moment; try again later', {
    'retry-after': seconds,
  });
}

function problem(
  status: number,
  title: string,
  code: string,
  detail: string,
  headers: Record<string, string>,
): HttpAnswer {
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
    body: { type: 'about:blank', title, status, detail, code },
  };
}
