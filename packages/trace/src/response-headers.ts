import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Exchange } from './request-options.js';
import type { Trace } from './trace.js';

/** @internal How the headers of a trace get onto a response. */
export type HeaderSender = (exchange: Exchange<unknown>, trace: Trace) => void;

const traceIdName = 'X-Trace-ID';
const requestIdName = 'X-Request-ID';

/** @internal Sets them at once: for a framework that sets its own headers one by one, too. */
export function setHeaders({ response }: Exchange<unknown>, trace: Trace): void {
  response.setHeader(traceIdName, trace.id);
  response.setHeader(requestIdName, trace.requestId ?? trace.id);
}

type WriteHead = (status: number, reason?: unknown, headers?: unknown) => ServerResponse;

/**
 * @internal Adds them when the head is written: for a framework that hands all headers to `writeHead`. A single header set
 * before would make Node set each of the others, too, which costs as much as writing the head does. Node itself calls
 * `writeHead` for whoever does not, so that hijacked and raw responses have them as well.
 */
export function addToHead(exchange: Exchange<unknown>, trace: Trace): void {
  const { response } = exchange;
  const { writeHead } = response as { writeHead: WriteHead };
  const writeTracedHead: WriteHead = (status, reason, headers) => {
    const given = headers ?? (typeof reason === 'string' ? undefined : reason);
    if (Array.isArray(given)) {
      for (const [name, value] of Object.entries(withTrace(exchange, trace, {})))
        response.setHeader(name, value!);
      return writeHead.call(response, status, reason, headers);
    }
    const all = withTrace(exchange, trace, given as OutgoingHttpHeaders | undefined);
    exchange.declaredBytes = all['content-length'] ?? all['Content-Length'];
    return typeof reason === 'string'
      ? writeHead.call(response, status, reason, all)
      : writeHead.call(response, status, all);
  };
  response.writeHead = writeTracedHead;
}

// A copy: the caller's object may be a constant of its module. What the application sets under these names wins, as it would
// have by setting it later.
function withTrace(
  { response }: Exchange<unknown>,
  trace: Trace,
  given: OutgoingHttpHeaders | undefined,
): OutgoingHttpHeaders {
  const all: OutgoingHttpHeaders = {
    [traceIdName]: response.getHeader(traceIdName) ?? trace.id,
    [requestIdName]: response.getHeader(requestIdName) ?? trace.requestId ?? trace.id,
  };
  for (const name in given) if (Object.hasOwn(given, name)) all[ownName(name)] = given[name];
  return all;
}

// Node would send one header for each spelling.
function ownName(name: string): string {
  if (name.length === traceIdName.length && name.toLowerCase() === 'x-trace-id') return traceIdName;
  if (name.length === requestIdName.length && name.toLowerCase() === 'x-request-id') return requestIdName;
  return name;
}
