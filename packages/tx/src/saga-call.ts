import type { SagaErrorInfo } from './saga-plan.js';

/**
 * Runs a call to a partner with a deadline of its own, also when the call is deaf to its signal.
 *
 * @internal
 * @throws a `TimeoutError` after `timeoutMs`, the reason of `abandoned` when that is aborted.
 */
export async function callWithin<T>(
  timeoutMs: number,
  abandoned: AbortSignal | undefined,
  call: (signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const { signal } = ending;
  const timer = setTimeout(
    () => ending.abort(new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError')),
    timeoutMs,
  );
  // Not AbortSignal.any, which costs several times as much for what is one listener.
  const abandon = () => ending.abort(abandoned!.reason);
  if (abandoned?.aborted) abandon();
  else abandoned?.addEventListener('abort', abandon, { once: true });
  let giveUp = () => {};
  try {
    return await new Promise<T>((resolve, reject) => {
      giveUp = () => reject(signal.reason as Error);
      if (signal.aborted) return giveUp();
      signal.addEventListener('abort', giveUp, { once: true });
      // Through a promise, so that a synchronous throw is an outcome like any other.
      Promise.resolve()
        .then(() => call(signal))
        .then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
    // Left behind for every call they would be a leak.
    signal.removeEventListener('abort', giveUp);
    abandoned?.removeEventListener('abort', abandon);
  }
}

/**
 * Whether after this error nobody knows if the partner acted: a timeout, an abort, `ECONN*`, `EPIPE`, `UND_ERR_*`, here or in its causes.
 *
 * @internal
 */
export function isUnknownOutcome(error: unknown, alsoUnknown?: (error: unknown) => boolean): boolean {
  if (alsoUnknown) {
    try {
      if (alsoUnknown(error)) return true;
    } catch {
      // A predicate that fails decides nothing; not knowing is the careful answer.
      return true;
    }
  }
  return chainOf(error).some(({ name, code }) => unknownNames.has(name) || unknownCodes.test(code));
}

/**
 * Whether a breaker or bulkhead refused before anything was sent: this says nothing about an earlier attempt.
 *
 * @internal
 */
export function wasNotSent(error: unknown): boolean {
  return chainOf(error).some(({ code }) => code === 'KIT_BREAKER_OPEN' || code === 'KIT_BULKHEAD_FULL');
}

/**
 * Whether the service's own database was out of reach, rather than the step wrong: worth another try, not an undo.
 *
 * @internal
 */
export function isDatabaseOutage(error: unknown): boolean {
  return chainOf(error).some(
    ({ name, code, message }) =>
      name === 'KnexTimeoutError' || outageCodes.test(code) || (code === '' && outageMessages.test(message)),
  );
}

/**
 * What is kept of an error in the saga's row.
 *
 * @internal
 */
export function errorInfo(error: unknown): SagaErrorInfo {
  const { name, code } = chainOf(error)[0] ?? { name: 'Error', code: '' };
  const message = error instanceof Error ? error.message : messageOf(error);
  return { name: name || 'Error', message: message.slice(0, 2_000), ...(code ? { code } : {}) };
}

const unknownNames = new Set(['TimeoutError', 'AbortError']);
// KIT_TIMEOUT and KIT_DEADLINE_EXCEEDED are @kit/breaker's; known by code, so that no package needs another.
const unknownCodes =
  /^(ECONN\w*|EPIPE|UND_ERR_\w+|ETIMEDOUT|ESOCKETTIMEDOUT|ABORT_ERR|KIT_TIMEOUT|KIT_DEADLINE_EXCEEDED)$/;

// PostgreSQL class 08, 57P0x, 53300 and a lock that was not free in time; mysql2; SQLite; Node; kit's own.
const outageCodes =
  /^(08\w{3}|57P0\d|53\d{3}|25P03|55P03|PROTOCOL_\w+|ER_(CON_COUNT_ERROR|SERVER_SHUTDOWN|CONNECTION_KILLED)|SQLITE_(BUSY|LOCKED|IOERR|FULL)\w*|ECONN\w*|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|40001|40P01|ER_LOCK_\w+|ER_CHECKREAD|KIT_TX_(COMMIT_OUTCOME_UNKNOWN|TIMEOUT|TRANSACTION_TIMEOUT|POOL_DEADLOCK))$/;

// pg and mysql2 have no code for a connection that broke under a query.
const outageMessages = /connection (terminated|ended|error|lost)|not queryable|closed state|not open/i;

/** The error and its causes, as names and codes; fetch hides ECONNREFUSED two levels down. */
function chainOf(error: unknown): { name: string; code: string; message: string }[] {
  const found: { name: string; code: string; message: string }[] = [];
  const queue: unknown[] = [error];
  while (queue.length > 0 && found.length < 20) {
    const current = queue.shift();
    if (typeof current !== 'object' || current === null) continue;
    const { name, code, message, cause, errors } = current as Record<string, unknown>;
    // DOMException has a number for a code; its name says it all.
    found.push({ name: textOf(name), code: textOf(code), message: textOf(message) });
    queue.push(cause, ...(Array.isArray(errors) ? errors : []));
  }
  return found;
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : '');

function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  if (typeof message === 'string') return message;
  try {
    return String(error);
  } catch {
    return 'something that is not an Error was thrown';
  }
}
