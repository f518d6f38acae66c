import { PartnerError, type PartnerErrorCode } from '../application/ports.ts';

/** What a failed call means: for the payment (the code), and for whoever must know whether the partner acted. */
export function toPartnerError(partner: string, error: unknown): PartnerError {
  if (error instanceof PartnerError) return error;
  const { code, status } = (error ?? {}) as { code?: unknown; status?: unknown };
  const fail = (kind: PartnerErrorCode, what: string, outcome: 'not-done' | 'unknown') =>
    new PartnerError(kind, `${partner} ${what}`, { outcome, httpStatus: statusOf(error), cause: error });

  if (code === 'KIT_BREAKER_OPEN' || code === 'KIT_BULKHEAD_FULL') {
    return fail('SYS_PARTNER_UNAVAILABLE', 'is unavailable', 'not-done');
  }
  if (code === 'KIT_HTTP_STATUS') {
    // A refusal is an answer; a server's own trouble leaves open what it did before.
    const outcome = Number(status) < 500 ? 'not-done' : 'unknown';
    return fail('SYS_PARTNER_FAILED', `answered ${String(status)}`, outcome);
  }
  if (code === 'KIT_TIMEOUT' || code === 'KIT_DEADLINE_EXCEEDED' || nameOf(error) === 'TimeoutError') {
    return fail('SYS_PARTNER_TIMEOUT', 'did not answer in time', 'unknown');
  }
  if (neverConnected(error)) return fail('SYS_PARTNER_UNAVAILABLE', 'cannot be reached', 'not-done');
  return fail('SYS_PARTNER_FAILED', 'gave no usable answer', 'unknown');
}

function statusOf(error: unknown): number | undefined {
  const { code, status } = (error ?? {}) as { code?: unknown; status?: unknown };
  return code === 'KIT_HTTP_STATUS' ? Number(status) : undefined;
}

const nameOf = (error: unknown) => (error instanceof Error ? error.name.replace('$', '') : '');

/** fetch hides the reason in its cause. */
function neverConnected(error: unknown): boolean {
  for (let current = error, depth = 0; current instanceof Object && depth < 5; depth += 1) {
    const { code, cause } = current as { code?: unknown; cause?: unknown };
    if (code === 'ECONNREFUSED' || code === 'ENOTFOUND') return true;
    current = cause;
  }
  return false;
}
