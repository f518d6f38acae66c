import { AppError, type FieldError } from '../app-error.js';
import { type CommonErrorCode, commonErrors } from '../common-errors.js';
import type { ResolvedDefinition } from '../catalogue.js';

/** Turns a foreign error into a catalogued one, or leaves it to the next mapper. Must not trust the error's shape. */
export type ErrorMapper = (error: unknown) => AppError | undefined;

/** How an error that stands for a foreign one differs from its code's definition. */
export interface StandInOptions {
  /** Keeps the foreign error's HTTP status. */
  status?: number | undefined;
  /** Safe for callers; the foreign message itself is not. */
  message?: string | undefined;
  errors?: readonly FieldError[] | undefined;
  retryAfterMs?: number | undefined;
}

/** The catalogued error that stands for a foreign one, which stays its `cause`. */
export function standIn(code: CommonErrorCode, foreign: unknown, options: StandInOptions = {}): AppError {
  return standInFor(commonErrors[code].definition, foreign, options);
}

/** {@link standIn} for a code of any catalogue. */
export function standInFor(
  definition: ResolvedDefinition,
  foreign: unknown,
  options: StandInOptions = {},
): AppError {
  const { status = definition.status, message, errors, retryAfterMs } = options;
  const { code, title, retryable, grpc } = definition;
  // A kept status decides what is shown: 418 is the caller's fault, 507 is ours, whatever the nearest code says.
  const expose = status === definition.status ? definition.expose : status < 500;
  return new AppError({
    code,
    status,
    title,
    expose,
    retryable,
    message,
    errors,
    retryAfterMs,
    cause: foreign,
    grpc: status === definition.status ? grpc : undefined,
    standsForCause: true,
  });
}
