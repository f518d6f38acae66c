import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { headerText } from './carrier.js';
import { readSeed } from './extract.js';
import { tracePort } from './port.js';
import { processState } from './process-state.js';
import { createRequestLog } from './request-log.js';
import { checkOptions, type Exchange, type TraceOptions } from './request-options.js';
import { type HeaderSender, setHeaders } from './response-headers.js';
import { createTrace, type Trace, type TraceSeed } from './trace.js';
import { compileTrust } from './trust.js';

/** @internal Starts the trace of a request: ids, response headers, request log. */
export function createRequestTracer<Req>(
  options: TraceOptions<Req>,
  sendHeaders: HeaderSender,
): (exchange: Exchange<Req>) => Trace {
  checkOptions(options);
  const isTrusted = compileTrust(options.trustInbound ?? false);
  const follow = createRequestLog(options);

  const seedOf = (request: Req, raw: IncomingMessage): TraceSeed => {
    const { headers } = raw;
    // Most requests come without any id; then nobody needs to be trusted either.
    if (!hasInboundId(headers) && processState.activeSpan === undefined) return noSeed;
    return readSeed((name) => headerText(headers[name]), isTrusted(request, raw));
  };

  return (exchange) => {
    const request = exchange.raw as TracedRequest;
    // Mounted a second time, by a router or a sub-app: still one request, one id, one line in the log.
    if (request[requestTrace] !== undefined) return request[requestTrace];
    const trace = createTrace(seedOf(exchange.request, exchange.raw), 'request');
    request[requestTrace] = trace;
    sendHeaders(exchange, trace);
    follow(exchange, trace);
    return trace;
  };
}

// On the request, by a name that a second copy of the package knows: a WeakMap would give each request a hash to look for.
const requestTrace = Symbol.for('@kit/trace.request-trace');
type TracedRequest = IncomingMessage & { [requestTrace]?: Trace };

const noSeed: TraceSeed = Object.freeze({});

function hasInboundId(headers: IncomingHttpHeaders): boolean {
  return (
    headers.traceparent !== undefined ||
    headers['x-trace-id'] !== undefined ||
    headers['x-request-id'] !== undefined
  );
}

/** @internal The Express handler, which Nest on Express uses too. */
export function createTraceHandler<Req extends IncomingMessage>(
  options: TraceOptions<Req>,
): (request: Req, response: ServerResponse, next: () => void) => void {
  const begin = createRequestTracer(options, setHeaders);
  return (request, response, next) => {
    tracePort.run(begin({ request, raw: request, response }), next);
  };
}
