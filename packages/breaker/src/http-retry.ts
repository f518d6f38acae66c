import { isHttpStatusError, isResponseTooLargeError, isTimeoutError } from './errors.js';
import type { PreparedRequest } from './http-request.js';

/** The request has not left the machine, so even a POST can be sent again. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND']);

/**
 * Whether a failed request may be sent again: never one that could take effect twice, never one whose body is gone.
 * `chosen` is true when the user's own `retryOn` decides about the kind of error.
 *
 * @internal
 */
export function mayResend(request: PreparedRequest, error: unknown, chosen: boolean): boolean {
  if (!request.replayable) return false;
  const neverSent = NEVER_SENT.has(networkCode(error));
  if (!request.idempotent && !neverSent) return false;
  return chosen || isTransient(error);
}

function isTransient(error: unknown): boolean {
  if (isHttpStatusError(error)) {
    const { status } = error;
    return status === 408 || status === 429 || (status >= 500 && status !== 501);
  }
  if (isTimeoutError(error)) return true;
  return isNetworkError(error) && !isResponseTooLargeError(error);
}

/** fetch says `TypeError: fetch failed` for a broken network and for a wrong argument alike; only one has a cause. */
function isNetworkError(error: unknown): boolean {
  if (!(typeof error === 'object' && error !== null)) return false;
  const cause = 'cause' in error ? error.cause : undefined;
  const message = cause instanceof Error ? cause.message : '';
  // The same redirects would lead in the same circle.
  if (message.includes('redirect')) return false;
  return networkCode(error) !== '' || (error instanceof TypeError && cause !== undefined);
}

/** The system's or undici's code, of the error, its cause, or the first error of an aggregate. */
function networkCode(error: unknown): string {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 4; depth++) {
    if ('code' in at && typeof at.code === 'string' && /^(?:E[A-Z]|UND_ERR_)/.test(at.code)) return at.code;
    const inner: unknown = 'errors' in at && Array.isArray(at.errors) ? at.errors[0] : undefined;
    at = inner ?? ('cause' in at ? at.cause : undefined);
  }
  return '';
}
