import { readHeader } from './carrier.js';
import { isShortId, isTraceId } from './ids.js';
import { processState } from './process-state.js';
import { createTrace, isSafeId, type Trace, type TraceKind, type TraceSeed } from './trace.js';
import { parseTraceparent, sanitizeTracestate } from './traceparent.js';

export interface ExtractOptions {
  /**
   * Whether the ids of this carrier may become ours.
   * @default false
   */
  trust?: boolean;
}

/** Request headers a browser client must be allowed to send: for `Access-Control-Allow-Headers`. */
export const traceRequestHeaders: readonly string[] = Object.freeze([
  'traceparent',
  'tracestate',
  'X-Trace-ID',
  'X-Request-ID',
]);

/** Response headers a browser client may read: for `Access-Control-Expose-Headers`. */
export const traceResponseHeaders: readonly string[] = Object.freeze(['X-Trace-ID', 'X-Request-ID']);

/**
 * Reads a trace from headers or a queue payload; never throws, and always returns a whole trace: a new one where the
 * carrier is not trusted or holds nothing valid.
 *
 * @example
 * ```ts
 * import { extractTrace, runWithTrace } from '@kit/trace';
 *
 * declare const message: { headers: Record<string, string> };
 * runWithTrace(extractTrace(message.headers, { trust: true }), () => console.log('in the sender’s trace'));
 * ```
 */
export function extractTrace(carrier: object, options: ExtractOptions = {}): Trace {
  return createTrace(readSeed(carrier, options.trust ?? false), 'message');
}

/** @internal */
export function extractAs(kind: TraceKind, carrier: object, trusted: boolean): Trace {
  return createTrace(readSeed(carrier, trusted), kind);
}

/** @internal Whether an object looks like headers rather than like a seed. */
export function isCarrier(value: object): boolean {
  if (typeof (value as { get?: unknown }).get === 'function') return true;
  return Object.keys(value).some((key) => carrierKeys.has(key.toLowerCase()));
}

/** @internal The part of a trace that the active span or a carrier gives, by the order of sources on the design page. */
export function readSeed(carrier: object, trusted: boolean): TraceSeed {
  const ids = readIds(carrier);
  const span = processState().activeSpan?.();
  const inherited = span ?? (trusted ? trustedSeed(ids, carrier) : {});
  return {
    ...pickIdentity(inherited),
    requestId: trusted ? ids.requestId : undefined,
    clientRequestId: trusted ? undefined : clientId(ids),
  };
}

// Without `tracestate`: it means nothing alone, and a seed has a `traceState`.
const carrierKeys: ReadonlySet<string> = new Set(['traceparent', 'x-trace-id', 'x-request-id']);

interface InboundIds {
  traceparent: string | undefined;
  traceHeader: string | undefined;
  requestId: string | undefined;
}

function readIds(carrier: object): InboundIds {
  const traceHeader = readHeader(carrier, 'x-trace-id');
  const requestId = readHeader(carrier, 'x-request-id');
  return {
    traceparent: readHeader(carrier, 'traceparent'),
    traceHeader: isSafeId(traceHeader) ? traceHeader : undefined,
    requestId: isSafeId(requestId) ? requestId : undefined,
  };
}

function trustedSeed(ids: InboundIds, carrier: object): TraceSeed {
  const parent = parseTraceparent(ids.traceparent);
  if (parent !== undefined)
    return { ...parent, traceState: sanitizeTracestate(readHeader(carrier, 'tracestate')) };
  if (isTraceId(ids.traceHeader)) return { traceId: ids.traceHeader };
  if (isShortId(ids.traceHeader)) return { id: ids.traceHeader };
  return {};
}

function pickIdentity(seed: TraceSeed): TraceSeed {
  const { traceId, id, spanId, parentSpanId, sampled, traceState } = seed;
  return { traceId, id, spanId, parentSpanId, sampled, traceState };
}

function clientId(ids: InboundIds): string | undefined {
  return ids.requestId ?? ids.traceHeader ?? parseTraceparent(ids.traceparent)?.traceId;
}
