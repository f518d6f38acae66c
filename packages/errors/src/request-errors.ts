import type { IncomingMessage, ServerResponse } from 'node:http';
import { createQuietAnswer } from './quiet-answer.js';
import { createErrorResponder, type ErrorContext, type ErrorHandlingOptions } from './respond.js';
import { type ReplyLike, sendAnswer } from './send.js';

/**
 * A handler in the manner of `node:http`.
 *
 * @internal
 */
export type RequestHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Answers one request's errors.
 *
 * @internal
 */
export type RequestErrorHandler = (
  thrown: unknown,
  response: ServerResponse | ReplyLike,
  context: ErrorContext,
) => void;

/**
 * The part of an adapter that is the same everywhere: respond, and write unless the response has begun. A response that
 * comes here twice with the same error is counted once.
 *
 * @throws TypeError or RangeError for wrong options
 * @internal
 */
export function createRequestErrorHandler(options?: ErrorHandlingOptions): RequestErrorHandler {
  const respond = createErrorResponder(options);
  const answerQuietly = createQuietAnswer(options);
  return (thrown, response, context) => {
    const raw = ('raw' in response ? response.raw : response) as { [answered]?: unknown };
    if (answered in raw && raw[answered] === thrown) return;
    raw[answered] = thrown;
    const answer = answerQuietly(thrown, context) ?? respond(thrown, context);
    sendAnswer(response, answer, (failure) => respond(failure, context));
  };
}

// On the response and not in a WeakMap, which costs the garbage collector more than all else here.
const answered = Symbol('answered');

/**
 * Method, path and route template of a request of Express or of Nest on either platform.
 *
 * @internal
 */
export function nodeContext(request: NodeRequest): ErrorContext {
  const url = request.originalUrl ?? request.url ?? '/';
  const path = pathOf(url);
  const template = request.routeOptions?.url ?? request.route?.path;
  const endpoint = `${request.method ?? 'GET'} ${templateOf(path, template)}`;
  return { method: request.method, path, endpoint };
}

/**
 * A request as Node and Express describe it.
 *
 * @internal
 */
export type NodeRequest = Pick<IncomingMessage, 'method' | 'url'> & {
  originalUrl?: string;
  /** Express. */
  route?: { path?: unknown };
  /** Fastify, below Nest. */
  routeOptions?: { url?: unknown };
};

const unmatched = '__unmatched__';

/** Without a template the path itself would be counted, one entry an id. */
function templateOf(path: string, template: unknown): string {
  if (typeof template !== 'string' || template === '*' || template === '/*') return unmatched;
  const segments = path.split('/');
  const names = template.split('/');
  // On a router mounted below a prefix the template covers the end of the path only.
  const prefix = segments.slice(0, Math.max(0, segments.length - names.length + 1)).map(nameless);
  return names.length >= segments.length ? template : `${prefix.join('/')}${template}`;
}

function nameless(segment: string): string {
  return /\d|@|%|^.{32,}$/.test(segment) && !/^v\d+$/i.test(segment) ? ':id' : segment;
}

function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}
