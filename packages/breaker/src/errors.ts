/** Why a breaker let a call not through. */
export type RejectionReason = 'open' | 'half-open-full' | 'isolated' | 'ramping';

const REJECTED: Record<RejectionReason, string> = {
  open: 'is open',
  'half-open-full': 'is half-open and its trials are taken',
  isolated: 'is isolated by hand',
  ramping: 'has just closed and admits only a share of the calls',
};

/**
 * The breaker did not let the call through; nothing was sent.
 *
 * @example
 * ```ts
 * import { createBreaker, isBreakerOpenError } from '@kit/breaker';
 *
 * const breaker = createBreaker({ name: 'order-service' });
 * breaker.isolate();
 * await breaker.run(() => fetch('http://localhost:3101')).catch((error: unknown) => {
 *   if (isBreakerOpenError(error)) console.log(error.reason, error.retryAfterMs);
 * });
 * ```
 */
export class BreakerOpenError extends Error {
  declare readonly name: 'BreakerOpenError';
  readonly code = 'KIT_BREAKER_OPEN';
  /** Name of the breaker. */
  readonly breaker: string;
  readonly reason: RejectionReason;
  /** How long to stay away, in ms. */
  readonly retryAfterMs: number;
  /** cockatiel's guard (`isBrokenCircuitError`) looks for this. */
  declare readonly isBrokenCircuitError: true;

  constructor(breaker: string, reason: RejectionReason, retryAfterMs: number, cause?: unknown) {
    super(
      `Breaker "${breaker}" ${REJECTED[reason]}; retry in ${Math.ceil(retryAfterMs)} ms`,
      cause === undefined ? undefined : { cause },
    );
    this.breaker = breaker;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }

  /** What the default error handlers of Express and Fastify answer with. */
  get statusCode(): 503 {
    return 503;
  }

  /** What those handlers add to the answer. */
  get headers(): { readonly 'retry-after': string } {
    return { 'retry-after': String(Math.max(1, Math.ceil(this.retryAfterMs / 1_000))) };
  }
}

/** The call took longer than its timeout, which is in `timeoutMs`. */
export class TimeoutError extends Error {
  declare readonly name: 'TimeoutError';
  readonly code = 'KIT_TIMEOUT';
  readonly timeoutMs: number;
  /** cockatiel's guard (`isTaskCancelledError`) looks for this. */
  declare readonly isTaskCancelledError: true;

  constructor(subject: string, timeoutMs: number) {
    super(`"${subject}" did not finish within ${Math.round(timeoutMs)} ms; it was given up`);
    this.timeoutMs = timeoutMs;
  }
}

/** The bulkhead had neither a free place nor a free queue place in time; nothing was sent. */
export class BulkheadFullError extends Error {
  declare readonly name: 'BulkheadFullError';
  readonly code = 'KIT_BULKHEAD_FULL';
  /** Name of the bulkhead. */
  readonly bulkhead: string;
  readonly reason: 'queue-full' | 'queue-timeout';
  /** cockatiel's guard (`isBulkheadRejectedError`) looks for this. */
  declare readonly isBulkheadRejectedError: true;

  constructor(bulkhead: string, reason: 'queue-full' | 'queue-timeout', detail: string) {
    super(`Bulkhead "${bulkhead}" is full (${detail}); send less at once or raise maxConcurrent`);
    this.bulkhead = bulkhead;
    this.reason = reason;
  }
}

/** The ambient deadline has passed, or less than 5 ms of it were left, so nothing was sent. */
export class DeadlineExceededError extends Error {
  declare readonly name: 'DeadlineExceededError';
  readonly code = 'KIT_DEADLINE_EXCEEDED';
  /** What was left of the deadline, in ms. */
  readonly remainingMs: number;

  constructor(subject: string, remainingMs: number) {
    super(
      remainingMs > 0
        ? `Deadline of "${subject}" leaves ${Math.round(remainingMs)} ms; nothing was sent`
        : `Deadline of "${subject}" has passed; the call was given up`,
    );
    this.remainingMs = remainingMs;
  }
}

/** The partner answered with a status outside 2xx. */
export class HttpStatusError extends Error {
  declare readonly name: 'HttpStatusError';
  readonly code = 'KIT_HTTP_STATUS';
  readonly status: number;
  /** The start of the body as text, at most 2,048 characters, without credentials of the request. */
  readonly bodyExcerpt: string;
  /** What `Retry-After` asks for, in ms. */
  readonly retryAfterMs: number | undefined;
  /** The response; not enumerable, so that no logger writes it out. */
  declare readonly response: Response;

  constructor(
    request: string,
    response: Response,
    details: { bodyExcerpt: string; retryAfterMs?: number | undefined },
  ) {
    super(`${request} answered ${response.status}${response.statusText ? ` ${response.statusText}` : ''}`);
    this.status = response.status;
    this.bodyExcerpt = details.bodyExcerpt;
    this.retryAfterMs = details.retryAfterMs;
    Object.defineProperty(this, 'response', { value: response, enumerable: false });
  }
}

/** The partner's body is larger than `maxResponseBytes`; the rest was not read. */
export class ResponseTooLargeError extends Error {
  declare readonly name: 'ResponseTooLargeError';
  readonly code = 'KIT_HTTP_BODY_TOO_LARGE';
  readonly maxResponseBytes: number;

  constructor(request: string, maxResponseBytes: number) {
    super(`${request} answered more than ${maxResponseBytes} bytes; raise maxResponseBytes or ask for less`);
    this.maxResponseBytes = maxResponseBytes;
  }
}

// Written out, because a minifier renames classes.
const NAMES = {
  KIT_BREAKER_OPEN: 'BreakerOpenError',
  KIT_TIMEOUT: 'TimeoutError',
  KIT_BULKHEAD_FULL: 'BulkheadFullError',
  KIT_DEADLINE_EXCEEDED: 'DeadlineExceededError',
  KIT_HTTP_STATUS: 'HttpStatusError',
  KIT_HTTP_BODY_TOO_LARGE: 'ResponseTooLargeError',
} as const;

/** True for a `BreakerOpenError` of any copy of this package. */
export const isBreakerOpenError = guard(BreakerOpenError, 'KIT_BREAKER_OPEN', 'isBrokenCircuitError');
/** True for a `TimeoutError` of any copy of this package. */
export const isTimeoutError = guard(TimeoutError, 'KIT_TIMEOUT', 'isTaskCancelledError');
/** True for a `BulkheadFullError` of any copy of this package. */
export const isBulkheadFullError = guard(BulkheadFullError, 'KIT_BULKHEAD_FULL', 'isBulkheadRejectedError');
/** True for a `DeadlineExceededError` of any copy of this package. */
export const isDeadlineExceededError = guard(DeadlineExceededError, 'KIT_DEADLINE_EXCEEDED');
/** True for an `HttpStatusError` of any copy of this package. */
export const isHttpStatusError = guard(HttpStatusError, 'KIT_HTTP_STATUS');
/** True for a `ResponseTooLargeError` of any copy of this package. */
export const isResponseTooLargeError = guard(ResponseTooLargeError, 'KIT_HTTP_BODY_TOO_LARGE');

/** On the error of a call that never left the process: it says nothing about the partner. */
export const NOT_SENT: unique symbol = Symbol.for('@kit/breaker/not-sent');

/** Builds an error without the stack trace, which is most of what an error costs. */
export function withoutStack<E>(create: () => E): E {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return create();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

// Constants are on the prototype: they cost nothing per error, and mark the class of every copy.
function guard<E extends Error>(type: { prototype: E }, code: keyof typeof NAMES, cockatielMark?: string) {
  const brand = Symbol.for(`@kit/breaker/${code}`);
  Object.defineProperty(type.prototype, brand, { value: true });
  Object.defineProperty(type.prototype, 'name', { value: NAMES[code], configurable: true, writable: true });
  if (cockatielMark !== undefined) Object.defineProperty(type.prototype, cockatielMark, { value: true });
  return (value: unknown): value is E => {
    try {
      return typeof value === 'object' && value !== null && brand in value;
    } catch {
      // A proxy that throws is no error of ours.
      return false;
    }
  };
}
