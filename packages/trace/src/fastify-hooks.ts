import type { IncomingMessage, ServerResponse } from 'node:http';
import { tracePort } from './port.js';
import type { Exchange, TraceOptions } from './request-options.js';
import { createRequestTracer } from './request-trace.js';
import { addToHead } from './response-headers.js';
import type { Trace } from './trace.js';

type RawListener = (raw: IncomingMessage, response: ServerResponse) => void;
type RawMiddleware = (raw: IncomingMessage, response: ServerResponse, next: () => void) => void;

interface HookReply {
  readonly raw: ServerResponse;
  header(name: string, value: string): unknown;
}

/** @internal The part of a Fastify instance the hooks need. */
export interface HookableFastify<Req> {
  readonly server: {
    readonly listening: boolean;
    prependListener(event: 'request', listener: RawListener): unknown;
  };
  addHook(name: 'onRequest', hook: (request: Req, reply: HookReply, done: () => void) => void): unknown;
  /** There when middie is registered, as Nest does. */
  use?(middleware: RawMiddleware): unknown;
}

/** @internal Traces every request of a Fastify instance; Nest on Fastify uses it too. */
export function addTraceHooks<Req extends { raw: IncomingMessage }>(
  fastify: HookableFastify<Req>,
  options: TraceOptions<Req>,
): void {
  const begin = createRequestTracer(options, addToHead);
  const { server } = fastify;

  const beginEarly = (raw: IncomingMessage, response: ServerResponse): Trace => {
    const exchange = { request: headOf(raw) as unknown as Req, raw, response };
    const trace = begin(exchange);
    (raw as TracedEarly<Req>)[early] = { exchange, trace };
    return trace;
  };

  // Fastify answers a malformed URL, and with 503 what comes after close(), before any hook: these responses have a trace
  // only if it starts here.
  server.prependListener('request', (raw, response) => {
    if (!server.listening || isMalformed(raw.url)) beginEarly(raw, response);
  });

  // Middlewares run in a hook that was added before ours.
  fastify.use?.((raw, response, next) =>
    tracePort.run((raw as TracedEarly<Req>)[early]?.trace ?? beginEarly(raw, response), next),
  );

  fastify.addHook('onRequest', (request, reply, done) => {
    const begun = (request.raw as TracedEarly<Req>)[early];
    if (begun !== undefined) begun.exchange.request = request;
    const trace = begun?.trace ?? begin({ request, raw: request.raw, response: reply.raw });
    // For hooks and handlers that ask the reply; they get onto the response by its head.
    reply.header('x-trace-id', trace.id);
    reply.header('x-request-id', trace.requestId ?? trace.id);
    if (begun !== undefined && tracePort.getTrace() === trace) done();
    else tracePort.run(trace, done);
  });
}

// On the raw request: a WeakMap would give every request an identity hash to look for.
const early = Symbol('early trace');
type TracedEarly<Req> = IncomingMessage & { [early]?: { exchange: Exchange<Req>; trace: Trace } };

// What a predicate may ask of a request that Fastify has not wrapped yet.
function headOf(raw: IncomingMessage) {
  const { headers, method, url, socket } = raw;
  return { raw, headers, method, url, socket, ip: socket.remoteAddress };
}

function isMalformed(url: string | undefined): boolean {
  if (url === undefined || !url.includes('%')) return false;
  try {
    decodeURI(url);
    return false;
  } catch {
    return true;
  }
}
