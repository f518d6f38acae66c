import { defaultGrpcStatus, type GrpcStatusName } from './grpc-codes.js';
import { read } from './read.js';
import { isoNow } from './timestamp.js';
import { currentTraceIds, newTraceIds, type TraceIds } from './trace-port.js';

/** One invalid field of an input: an element of `errors` in the response body. */
export interface FieldError {
  /** JSON pointer as a URI fragment (RFC 6901 §6), `#/items/1/amount`. */
  readonly pointer: string;
  /** The same place as a JavaScript path, `items[1].amount`. */
  readonly field: string;
  /** What is wrong: the validator's own code, or `VAL_REQUIRED_FIELD` where a value is missing. */
  readonly code: string;
  /** A sentence for a person. */
  readonly detail: string;
}

/** What a catalogue's factory takes beside the details. */
export interface AppErrorOptions {
  /** What led to this error. Logged with secrets masked, never sent. */
  cause?: unknown;
  /** Overrides the catalogue's message. Sent when the code is exposed. */
  message?: string | undefined;
  /** When a caller may try again, in milliseconds from now; becomes `Retry-After`. */
  retryAfterMs?: number | undefined;
  /** The fields that are invalid, `errors` in the body. */
  errors?: readonly FieldError[] | undefined;
}

/** Everything an {@link AppError} is made of; catalogues fill it in. */
export interface AppErrorInit<Code extends string = string, Details = unknown> extends AppErrorOptions {
  code: Code;
  /** HTTP status, 400 to 599. */
  status: number;
  /** Short and the same for every error of this code. */
  title: string;
  message?: string | undefined;
  details?: Details | undefined;
  /** Whether message, details and field errors are shown to callers. @default status < 500 */
  expose?: boolean | undefined;
  /** Whether the same call may succeed later. @default false */
  retryable?: boolean | undefined;
  /** @default what gRPC uses for the HTTP status */
  grpc?: GrpcStatusName | undefined;
  /** Why the details were left out: they did not fit their schema. */
  detailsProblem?: string | undefined;
  /** For an error that stands for its cause: the stack is the cause's, and none is captured. @default false */
  standsForCause?: boolean | undefined;
}

const brand = Symbol.for('@kit/errors.AppError');
const standsForCause = Symbol.for('@kit/errors.standsForCause');
const adoptTrace = Symbol.for('@kit/errors.adoptTrace');

/**
 * An error with a code of a catalogue, an HTTP status and the trace id of where it was raised.
 *
 * @example
 * ```ts
 * import { AppError } from '@kit/errors';
 *
 * const error = new AppError({ code: 'BIZ_CLOSED', status: 422, title: 'The shop is closed' });
 * console.log(error.traceId, error.expose); // 8 hex digits, true
 * ```
 */
export class AppError<Code extends string = string, Details = unknown> extends Error {
  readonly code: Code;
  /** HTTP status, 400 to 599. */
  readonly status: number;
  /** Short and the same for every error of this code. */
  readonly title: string;
  /** What the code's schema let through; undefined when the given details did not fit it. */
  readonly details: Details | undefined;
  /** The 8-character id of the trace in which the error was raised. */
  readonly traceId: string;
  /** When the error was raised, ISO 8601 in UTC. */
  readonly timestamp: string;
  /** Whether message, details and field errors are shown to callers. */
  readonly expose: boolean;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** When to try again, in milliseconds from when the error was raised. */
  declare readonly retryAfterMs?: number;
  /** The invalid fields of an input. */
  declare readonly errors?: readonly FieldError[];
  declare readonly [brand]: true;
  // Private, so that a logger which prints own properties shows what is listed above, no more.
  readonly #grpc: GrpcStatusName;
  #ids: TraceIds;
  #traced: boolean;
  readonly #detailsProblem: string | undefined;
  readonly #standsForCause: boolean;

  constructor(init: AppErrorInit<Code, Details>) {
    const restoreLimit = init.standsForCause ? withoutStack() : undefined;
    super(init.message ?? init.title, 'cause' in init ? { cause: init.cause } : undefined);
    restoreLimit?.();
    this.code = init.code;
    this.status = init.status;
    this.title = init.title;
    this.details = init.details;
    const current = currentTraceIds();
    this.#traced = current !== undefined;
    this.#ids = current ?? newTraceIds();
    this.traceId = this.#ids.traceId;
    this.timestamp = isoNow();
    this.expose = init.expose ?? init.status < 500;
    this.retryable = init.retryable ?? false;
    if (init.retryAfterMs !== undefined) this.retryAfterMs = init.retryAfterMs;
    if (init.errors !== undefined) this.errors = init.errors;
    this.#grpc = init.grpc ?? defaultGrpcStatus(init.status);
    this.#detailsProblem = init.detailsProblem;
    this.#standsForCause = init.standsForCause ?? false;
  }

  /** The canonical status name of gRPC. */
  get grpc(): GrpcStatusName {
    return this.#grpc;
  }

  /** The W3C trace id, 32 hex digits. */
  get fullTraceId(): string {
    return this.#ids.fullTraceId;
  }

  /** The id that the caller sent, else the 8-character trace id. */
  get requestId(): string {
    return this.#ids.requestId;
  }

  /** Why the details were left out, for the log. */
  get detailsProblem(): string | undefined {
    return this.#detailsProblem;
  }

  /** @internal Whether the cause, a foreign error, is what happened. */
  get [standsForCause](): boolean {
    return this.#standsForCause;
  }

  /** @internal An error that was raised where the trace was lost takes the ids of the request it is answered in. */
  [adoptTrace](): void {
    if (this.#traced || Object.isFrozen(this)) return;
    const ids = currentTraceIds();
    if (!ids) return;
    this.#ids = ids;
    this.#traced = true;
    (this as { traceId: string }).traceId = ids.traceId;
  }
}
Object.defineProperty(AppError.prototype, 'name', { value: 'AppError', writable: true, configurable: true });
Object.defineProperty(AppError.prototype, brand, { value: true });

/**
 * Whether a value is an {@link AppError}, of this code if one is given. Looks for the brand, so that errors of another
 * copy of this package count too.
 *
 * @example
 * ```ts
 * import { commonErrors, isAppError } from '@kit/errors';
 *
 * const error: unknown = commonErrors.RES_NOT_FOUND();
 * if (isAppError(error, 'RES_NOT_FOUND')) console.log(error.status); // 404
 * ```
 */
export function isAppError<Code extends string = string>(
  error: unknown,
  code?: Code,
): error is AppError<Code> {
  return read(error, brand) === true && (code === undefined || read(error, 'code') === code);
}

/** The foreign error that an error stands for, else the error itself: whose stack and message tell what happened. */
export function originOf(error: unknown): unknown {
  return read(error, standsForCause) === true ? read(error, 'cause') : error;
}

/** Gives an error that was raised outside of every trace the ids of the current one. */
export function adoptCurrentTrace(error: AppError): void {
  // An error of another copy may be of another version.
  if (typeof read(error, adoptTrace) === 'function') error[adoptTrace]();
}

function withoutStack(): (() => void) | undefined {
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = 0;
    return () => {
      Error.stackTraceLimit = limit;
    };
  } catch {
    // Frozen intrinsics: the stack is captured after all, which is only slower.
    return undefined;
  }
}
