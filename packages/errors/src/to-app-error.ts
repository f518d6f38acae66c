import { adoptCurrentTrace, AppError, isAppError } from './app-error.js';
import { type AnyCatalogue, isErrorCode } from './catalogue.js';
import { isBareError } from './mapping/bare.js';
import { isConnectionSentence, mapDatabaseError } from './mapping/database.js';
import { mapBodyParserError, mapFastifyError, mapHttpError, mapNestException } from './mapping/frameworks.js';
import { mapResilienceError } from './mapping/kit.js';
import { mapNetworkError } from './mapping/network.js';
import { type ErrorMapper, standIn } from './mapping/stand-in.js';
import { mapSchemaError } from './mapping/validation.js';
import { readString } from './read.js';

/** How foreign errors are mapped. */
export interface ToAppErrorOptions {
  /** Asked in order before the built-in mappers; the first that returns an `AppError` decides. One that throws is passed over. */
  mappers?: readonly ErrorMapper[] | undefined;
  /** Where the `errorCode` of a Nest exception is looked up. @default commonErrors */
  catalogue?: AnyCatalogue | undefined;
  /** Hears of a mapper that threw. */
  onMapperError?: ((error: unknown) => void) | undefined;
}

/**
 * The catalogued error for anything that was thrown; an `AppError` is returned as it is. Recognises validators, databases,
 * HTTP clients, breakers and frameworks by brand, name and code. What nobody knows is `SYS_INTERNAL_ERROR` with a constant
 * message and the original as its `cause`.
 *
 * @example
 * ```ts
 * import { toAppError } from '@kit/errors';
 *
 * const error = toAppError(Object.assign(new Error('duplicate key'), { code: '23505' }));
 * console.log(error.code, error.status); // RES_ALREADY_EXISTS 409
 * ```
 */
export function toAppError(thrown: unknown, options: ToAppErrorOptions = {}): AppError {
  if (isAppError(thrown) && isSound(thrown)) {
    adoptCurrentTrace(thrown);
    return thrown;
  }
  const own = askMappers(thrown, options);
  if (own) return own;
  const bareCode = codeOfBareError(thrown);
  if (bareCode) return standIn(bareCode, thrown);
  for (const mapper of builtIn) {
    const mapped = mapper(thrown);
    if (mapped) return mapped;
  }
  return (
    mapNestException(thrown, options.catalogue) ??
    mapHttpError(thrown) ??
    standIn('SYS_INTERNAL_ERROR', thrown)
  );
}

/** The code of a plain `Error`. Some drivers say only by their sentence that the connection is gone. */
export function codeOfBareError(error: unknown): 'SYS_UNAVAILABLE' | 'SYS_INTERNAL_ERROR' | undefined {
  if (!isBareError(error)) return undefined;
  return isConnectionSentence(readString(error, 'message') ?? '') ? 'SYS_UNAVAILABLE' : 'SYS_INTERNAL_ERROR';
}

const builtIn: readonly ErrorMapper[] = [
  mapSchemaError,
  mapResilienceError,
  mapDatabaseError,
  mapNetworkError,
  mapBodyParserError,
  mapFastifyError,
];

function askMappers(
  thrown: unknown,
  { mappers = [], onMapperError }: ToAppErrorOptions,
): AppError | undefined {
  for (const mapper of mappers) {
    try {
      const mapped: unknown = mapper(thrown);
      if (isAppError(mapped) && isSound(mapped)) return mapped;
    } catch (error) {
      try {
        onMapperError?.(error);
      } catch {
        // The error at hand is the one to answer with.
      }
    }
  }
  return undefined;
}

/** The brand can sit on anything, also on an error whose fields somebody changed: only sound ones are rendered. */
function isSound(error: AppError): boolean {
  try {
    const { code, status, title, traceId, timestamp, fullTraceId, requestId, errors } = error;
    return (
      isErrorCode(code) &&
      Number.isInteger(status) &&
      status >= 400 &&
      status <= 599 &&
      [title, traceId, timestamp, fullTraceId, requestId].every((text) => typeof text === 'string') &&
      (errors === undefined || Array.isArray(errors))
    );
  } catch {
    return false;
  }
}
