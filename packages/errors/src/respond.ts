import { type AppError, originOf } from './app-error.js';
import type { AnyCatalogue } from './catalogue.js';
import { publishRaised } from './channels.js';
import { describeError } from './describe.js';
import type { ErrorMapper } from './mapping/stand-in.js';
import {
  checkTypeBaseUrl,
  type ProblemDetails,
  problemMediaType,
  problemText,
  renderProblem,
} from './problem.js';
import { show } from './read.js';
import { toAppError } from './to-app-error.js';

/** What the adapters log with: pino's order of arguments. */
export interface ErrorLogger {
  error(fields: object, message: string): void;
  /** Client errors and misuse go here. */
  warn?(fields: object, message: string): void;
}

/** Where an error arose. */
export interface ErrorContext {
  method?: string | undefined;
  /** The path of the request. */
  path?: string | undefined;
  /** Method and route template, `GET /users/:id`. */
  endpoint?: string | undefined;
  /** Used when the options name no logger; `false` for none. */
  logger?: ErrorLogger | false | undefined;
}

/** The options of all three adapters. */
export interface ErrorHandlingOptions {
  /** `type` of a problem becomes this and the code. @default `about:blank` */
  typeBaseUrl?: string | undefined;
  /** Adds the stack to the body; refused when NODE_ENV is `production`. @default false */
  exposeStack?: boolean | undefined;
  /** Asked before the built-in mappers. */
  mappers?: readonly ErrorMapper[] | undefined;
  /** Counts every error. */
  monitor?: { record(error: unknown, context?: { endpoint?: string }): void } | undefined;
  /** pino or alike; `false` for none. @default Fastify's `request.log`, else one JSON line on stderr for status 500 and above */
  logger?: ErrorLogger | false | undefined;
  /** Called for every error, after it was mapped. What it throws is logged. */
  onError?: ((error: AppError, context: ErrorContext) => unknown) | undefined;
  /** Where the `errorCode` of a Nest exception is looked up. @default commonErrors */
  catalogue?: AnyCatalogue | undefined;
}

/** A finished response. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly problem: ProblemDetails;
  readonly error: AppError;
}

/** Maps, counts, logs and renders one error. */
export type ErrorResponder = (thrown: unknown, context?: ErrorContext) => ErrorAnswer;

/**
 * What the adapters are made of, for a framework that has none. The function it returns never throws.
 *
 * @throws TypeError or RangeError that names the option, the rule and the value
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { createErrorResponder } from '@kit/errors';
 *
 * const respond = createErrorResponder({ typeBaseUrl: 'https://docs.example/errors/' });
 * createServer((request, response) => {
 *   const { status, headers, body } = respond(new Error('boom'), { path: request.url, method: request.method });
 *   response.writeHead(status, headers).end(body);
 * });
 * ```
 */
export function createErrorResponder(options: ErrorHandlingOptions = {}): ErrorResponder {
  checkOptions(options);
  const { typeBaseUrl, exposeStack, catalogue, monitor, onError } = options;
  const mappers = options.mappers && [...options.mappers];

  // Made once where nothing depends on the request: this path runs for every error there is.
  const mapping = { mappers, catalogue };

  return (thrown, context = {}) => {
    const logger = options.logger ?? context.logger ?? consoleLogger;
    const error = toAppError(
      thrown,
      mappers
        ? { ...mapping, onMapperError: (failure) => complain(logger, 'an error mapper threw', failure) }
        : mapping,
    );
    const problem = renderProblem(error, {
      path: context.path,
      method: context.method,
      typeBaseUrl,
      exposeStack,
    });
    count(monitor, error, context, logger);
    if (logger !== false) logError(logger, error, context);
    if (onError) tell(onError, error, context, logger);
    return {
      status: problem.status,
      headers: headersFor(error),
      body: problemText(problem),
      problem,
      error,
    };
  };
}

function count(
  monitor: ErrorHandlingOptions['monitor'],
  error: AppError,
  context: ErrorContext,
  logger: ErrorLogger | false,
): void {
  try {
    if (!monitor) return publishRaised(error, context);
    const { endpoint } = context;
    monitor.record(error, endpoint === undefined ? {} : { endpoint });
  } catch (failure) {
    complain(logger, 'the error monitor threw', failure);
  }
}

/** Neither a throw nor a rejection of the user's callback gets further than the log. */
function tell(
  onError: NonNullable<ErrorHandlingOptions['onError']>,
  error: AppError,
  context: ErrorContext,
  logger: ErrorLogger | false,
): void {
  try {
    const result = onError(error, context);
    if (result instanceof Promise) result.catch((failure) => complain(logger, 'onError threw', failure));
  } catch (failure) {
    complain(logger, 'onError threw', failure);
  }
}

function complain(logger: ErrorLogger | false, problem: string, failure: unknown): void {
  log(logger, 'warn', problem, () => ({ err: describeError(failure) }));
}

function headersFor({ retryAfterMs }: AppError): Readonly<Record<string, string>> {
  if (typeof retryAfterMs !== 'number' || !(retryAfterMs >= 0) || !Number.isFinite(retryAfterMs)) {
    return problemHeaders;
  }
  // Whole seconds (RFC 9110 §10.2.3), rounded up: an early retry would be refused again.
  return { ...problemHeaders, 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) };
}

/** @internal */
export const problemHeaders = Object.freeze({
  'content-type': problemMediaType,
  'cache-control': 'no-store',
});

function logError(logger: ErrorLogger, error: AppError, context: ErrorContext): void {
  const { code, status, fullTraceId, traceId, detailsProblem } = error;
  const level = status >= 500 ? 'error' : 'warn';
  log(logger, level, `request failed with ${code}`, () => ({
    code,
    status,
    method: context.method,
    path: context.path?.replace(/[?#].*$/s, ''),
    endpoint: context.endpoint,
    traceId: fullTraceId,
    id: traceId,
    err: describeError(originOf(error)),
  }));
  if (detailsProblem !== undefined) {
    log(logger, 'warn', `the details of ${code} do not fit their schema`, () => ({ code, detailsProblem }));
  }
}

function log(
  logger: ErrorLogger | false,
  level: 'error' | 'warn',
  message: string,
  fields: () => object,
): void {
  if (logger === false) return;
  try {
    const { isLevelEnabled } = logger as { isLevelEnabled?: unknown };
    if (typeof isLevelEnabled === 'function' && isLevelEnabled.call(logger, level) === false) return;
    if (level === 'warn') logger.warn?.(fields(), message);
    else logger.error(fields(), message);
  } catch {
    // A logger that fails must not take the response with it.
  }
}

// Without any logger a 500 would leave no trace of its cause, since the caller does not get it either.
const consoleLogger: ErrorLogger = {
  error: (fields, msg) =>
    console.error(JSON.stringify({ level: 'error', time: new Date().toISOString(), msg, ...fields })),
};

function checkOptions(options: ErrorHandlingOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`options must be an object, got ${show(options)}`);
  }
  const { typeBaseUrl, exposeStack, mappers, monitor, logger, onError, catalogue } = options;
  if (typeBaseUrl !== undefined) checkTypeBaseUrl(typeBaseUrl);
  if (exposeStack !== undefined && typeof exposeStack !== 'boolean') {
    throw new TypeError(`exposeStack must be a boolean, got ${show(exposeStack)}`);
  }
  if (exposeStack && process.env.NODE_ENV === 'production') {
    throw new RangeError('exposeStack must be false when NODE_ENV is production, got true');
  }
  if (
    mappers !== undefined &&
    !(Array.isArray(mappers) && mappers.every((mapper) => typeof mapper === 'function'))
  ) {
    throw new TypeError(`mappers must be an array of functions, got ${show(mappers)}`);
  }
  if (monitor !== undefined && typeof monitor?.record !== 'function') {
    throw new TypeError(`monitor must have a record function, got ${show(monitor)}`);
  }
  if (logger !== undefined && logger !== false && typeof logger?.error !== 'function') {
    throw new TypeError(`logger must have an error function or be false, got ${show(logger)}`);
  }
  if (onError !== undefined && typeof onError !== 'function') {
    throw new TypeError(`onError must be a function, got ${show(onError)}`);
  }
  if (catalogue !== undefined && (typeof catalogue !== 'object' || catalogue === null)) {
    throw new TypeError(`catalogue must be a catalogue made by defineErrors, got ${show(catalogue)}`);
  }
}
