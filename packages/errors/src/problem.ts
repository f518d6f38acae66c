import { STATUS_CODES } from 'node:http';
import { type AppError, type FieldError, originOf } from './app-error.js';
import type { CommonErrorCode } from './common-errors.js';
import { standIn } from './mapping/stand-in.js';
import { toPlain } from './plain.js';
import { isInternalText, publicMessage } from './public-message.js';
import { readString } from './read.js';
import { isoNow } from './timestamp.js';
import { toAppError } from './to-app-error.js';
import { currentTraceIds, newTraceIds } from './trace-port.js';

/** The body of an error response: RFC 9457, with the envelope that older clients know as extension members. */
export interface ProblemDetails {
  /** An absolute URL for the code, or `about:blank` when no base URL is set. */
  readonly type: string;
  /** Constant per code; with `about:blank` the phrase of the status (RFC 9457 §4.2.1). */
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** `urn:uuid:` and the 32-hex trace id. */
  readonly instance: string;
  readonly code: string;
  /** The same text as `detail`. */
  readonly message: string;
  readonly timestamp: string;
  readonly path?: string;
  readonly method?: string;
  /** The 8-character trace id. */
  readonly traceId: string;
  readonly requestId: string;
  readonly errors?: readonly FieldError[];
  /** What the code's details schema let through. */
  readonly details?: unknown;
  /** Only with `exposeStack`, never in production. */
  readonly stack?: string;
}

/** What a problem says about the request, and how. */
export interface ProblemOptions {
  /** The path of the request; a query string is cut off. */
  path?: string | undefined;
  method?: string | undefined;
  /** `type` becomes this and the code: `https://docs.example/errors` gives `https://docs.example/errors/RES_NOT_FOUND`. */
  typeBaseUrl?: string | undefined;
  /** Adds the stack; has no effect when NODE_ENV is `production`. @default false */
  exposeStack?: boolean | undefined;
}

/** The media type of a problem (RFC 9457 §6.1). */
export const problemMediaType = 'application/problem+json';

/**
 * The response body for anything that was thrown. Nothing of an error that is not exposed is in it, except its code.
 *
 * @throws TypeError when `typeBaseUrl` is not an absolute URL
 * @example
 * ```ts
 * import { commonErrors, toProblem } from '@kit/errors';
 *
 * const problem = toProblem(commonErrors.RES_NOT_FOUND(), { path: '/v1/payments/7', method: 'GET' });
 * console.log(problem.status, problem.code); // 404 RES_NOT_FOUND
 * ```
 */
export function toProblem(error: unknown, options: ProblemOptions = {}): ProblemDetails {
  return renderProblem(toAppError(error), options);
}

/** {@link toProblem} for an error that is mapped already. */
export function renderProblem(appError: AppError, options: ProblemOptions): ProblemDetails {
  try {
    return render(appError, options);
  } catch (failure) {
    // An error that cannot be rendered is answered all the same; options that are wrong fail once more.
    return render(standIn('SYS_INTERNAL_ERROR', failure), options);
  }
}

function render(appError: AppError, options: ProblemOptions): ProblemDetails {
  const { code, status, traceId } = appError;
  const { path, method, typeBaseUrl } = options;
  const message = publicMessage(appError);
  // In the order in which they are written; a spread for the optional ones would double the time.
  const problem: Partial<Writable<ProblemDetails>> = {
    type: typeBaseUrl === undefined ? 'about:blank' : `${checkTypeBaseUrl(typeBaseUrl)}${code}`,
    title: typeBaseUrl === undefined ? (STATUS_CODES[status] ?? appError.title) : appError.title,
    status,
    detail: message,
    instance: urnOf(appError.fullTraceId),
    code,
    message,
    timestamp: appError.timestamp,
  };
  if (path !== undefined) problem.path = withoutQuery(path);
  if (method !== undefined) problem.method = method;
  problem.traceId = traceId;
  problem.requestId = appError.requestId;
  if (appError.expose) {
    if (appError.errors) problem.errors = appError.errors.map(showFieldError);
    if (appError.details !== undefined) problem.details = toPlain(appError.details, { purpose: 'show' });
  }
  if (options.exposeStack === true && process.env.NODE_ENV !== 'production') {
    const stack = readString(originOf(appError), 'stack');
    if (stack !== undefined) problem.stack = stack;
  }
  return problem as ProblemDetails;
}

/**
 * What `JSON.stringify` makes of a problem, at a fraction of its cost: the members are known, and hardly any of them needs an
 * escape.
 */
export function problemText(problem: ProblemDetails): string {
  const { type, title, status, detail, instance, code, timestamp } = problem;
  const shown = quote(detail);
  let text = `{"type":${quote(type)},"title":${quote(title)},"status":${status},"detail":${shown}`;
  text += `,"instance":${quote(instance)},"code":${quote(code)},"message":${shown},"timestamp":${quote(timestamp)}`;
  text += requestText(problem);
  if (problem.errors !== undefined) text += `,"errors":${JSON.stringify(problem.errors)}`;
  if (problem.details !== undefined) text += `,"details":${JSON.stringify(problem.details)}`;
  if (problem.stack !== undefined) text += `,"stack":${quote(problem.stack)}`;
  return `${text}}`;
}

function requestText({ path, method, traceId, requestId }: RequestMembers): string {
  let text = path === undefined ? '' : `,"path":${quote(path)}`;
  if (method !== undefined) text += `,"method":${quote(method)}`;
  return `${text},"traceId":${quote(traceId)},"requestId":${quote(requestId)}`;
}

type RequestMembers = Pick<ProblemDetails, 'path' | 'method' | 'traceId' | 'requestId'>;

/**
 * The text of a problem that says nothing but its code, ready but for the ids, the time and the request. Cut out of one that was
 * rendered, so that it is the same, byte for byte.
 */
export function constantProblem(
  code: CommonErrorCode,
  typeBaseUrl: string | undefined,
): (options: ProblemOptions) => string {
  const problem = render(standIn(code, undefined), { typeBaseUrl });
  const text = problemText(problem);
  const start = text.slice(0, text.indexOf(problem.instance));
  const middle = text.slice(start.length + problem.instance.length, text.indexOf(problem.timestamp));
  return ({ path, method }) => {
    const { fullTraceId, traceId, requestId } = currentTraceIds() ?? newTraceIds();
    const shownPath = path === undefined ? undefined : withoutQuery(path);
    return `${start}${urnOf(fullTraceId)}${middle}${isoNow()}"${requestText({ path: shownPath, method, traceId, requestId })}}`;
  };
}

function quote(text: string): string {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

// eslint-disable-next-line no-control-regex
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/;

/** The base URL with one slash at its end; checked once a value. */
export function checkTypeBaseUrl(typeBaseUrl: string): string {
  if (checkedBase?.given === typeBaseUrl) return checkedBase.base;
  if (typeof typeBaseUrl !== 'string' || !URL.canParse(typeBaseUrl)) {
    throw new TypeError(`typeBaseUrl must be an absolute URL, got ${JSON.stringify(typeBaseUrl)}`);
  }
  const base = /[/#:=]$/.test(typeBaseUrl) ? typeBaseUrl : `${typeBaseUrl}/`;
  checkedBase = { given: typeBaseUrl, base };
  return base;
}

let checkedBase: { given: string; base: string } | undefined;

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

function showFieldError({ pointer, field, code, detail }: FieldError): FieldError {
  return { pointer, field, code, detail: isInternalText(detail) ? 'is invalid' : detail };
}

/** A query string can hold anything a form can: it stays out of the body. */
function withoutQuery(path: string): string {
  const end = path.search(/[?#]/);
  return end === -1 ? path : path.slice(0, end);
}

function urnOf(hex: string): string {
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
