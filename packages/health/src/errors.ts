const brand = Symbol.for('@kit/health/error');

/** Codes of the errors of this package. */
export type HealthErrorCode = 'KIT_HEALTH_CONSUL';

/** What this package rejects with; wrong options are `TypeError` or `RangeError` instead. */
export class HealthError extends Error {
  override readonly name = 'HealthError';
  readonly code: HealthErrorCode;

  constructor(code: HealthErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    Object.defineProperty(this, brand, { value: true });
  }
}

/**
 * Whether this is an error of `@kit/health`, of whichever copy of the package.
 *
 * @example
 * ```ts
 * import { isHealthError } from '@kit/health';
 *
 * export const isConsulDown = (error: unknown) => isHealthError(error) && error.code === 'KIT_HEALTH_CONSUL';
 * ```
 */
export function isHealthError(error: unknown): error is HealthError {
  return typeof error === 'object' && error !== null && Reflect.get(error, brand) === true;
}
