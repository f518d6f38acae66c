import { isBreakerOpenError } from './errors.js';

/** An open breaker, ours or cockatiel's: calling again would defeat it. */
export function isBreakerRejection(error: unknown): boolean {
  return isBreakerOpenError(error) || (isObject(error) && error['isBrokenCircuitError'] === true);
}

/** How long the error asks to wait, in ms. */
export function retryAfterMsOf(error: unknown): number | undefined {
  const ms = isObject(error) ? error['retryAfterMs'] : undefined;
  return typeof ms === 'number' && ms >= 0 ? ms : undefined;
}

/**
 * Reads a `Retry-After` header, seconds or a date (RFC 9110 §10.2.3), in ms from now.
 *
 * @internal
 */
export function parseRetryAfter(header: string | null, wallClock = Date.now): number | undefined {
  const value = header?.trim();
  if (!value) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const at = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - wallClock());
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
