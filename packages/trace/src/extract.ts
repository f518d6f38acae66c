import { readHeader } from './carrier.js';
import { optionalBoolean, optionsObject } from './check.js';
import { isShortId, isTraceId } from './ids.js';
import { processState } from './process-state.js';
import { createTrace, isSafeId, type Trace, type TraceSeed } from './trace.js';
import { parseTraceparent, sanitizeTracestate, type TraceParent } from './traceparent.js';

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
 * Reads a trace from headers or a queue payload; never throws for what is in it, and always returns a whole trace: a new one where the
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
export function extractTrace(carrier: object | null | undefined, options: ExtractOptions = {}): Trace {
  optionsObject('options', options);
  optionalBoolean('trust', options.trust);
  return createTrace(
    readSeed((name) => safeHeader(carrier, name), options.trust ?? false),
    'message',
  );
}

// A payload without a carrier, or one that throws when it is read, is no reason to drop the message.
function safeHeader(carrier: object | null | undefined, name: string): string | undefined {
  try {
    return carrier === null || carrier === undefined ? undefined : readHeader(carrier, name);
  } catch {
    return undefined;
  }
}

/** @internal Whether an object looks like headers rather than like a seed. */
export function isCarrier(value: object): boolean {
  if (typeof (value as { get?: unknown }).get === 'function') return true;
  return Object.keys(value).some((key) => carrierKeys.has(key.toLowerCase()));
}

/** @internal One header by its lower-case name; undefined where it is missing or came twice. */
export type HeaderReader = (name: string) => string | undefined;

/** @internal The part of a trace that the active span or a carrier gives, by the order of sources on the design page. */
export function readSeed(read: HeaderReader, trusted: boolean): TraceSeed {
  const traceparent = parseTraceparent(read('traceparent'));
  const traceHeader = safe(read('x-trace-id'));
  const requestId = safe(read('x-request-id'));
  const inherited =
    processState.activeSpan?.() ?? (trusted ? trustedSeed(read, traceparent, traceHeader) : {});
  return {
    traceId: inherited.traceId,
    id: 'id' in inherited ? inherited.id : undefined,
    spanId: inherited.spanId,
    parentSpanId: 'parentSpanId' in inherited ? inherited.parentSpanId : undefined,
    sampled: inherited.sampled,
    traceState: inherited.traceState,
    requestId: trusted ? requestId : undefined,
    clientRequestId: trusted ? undefined : (requestId ?? traceHeader ?? traceparent?.traceId),
  };
}

// Without `tracestate`: it means nothing alone, and a seed has a `traceState`.
const carrierKeys: ReadonlySet<string> = new Set(['traceparent', 'x-trace-id', 'x-request-id']);

function trustedSeed(
  read: HeaderReader,
  traceparent: TraceParent | undefined,
  traceHeader: string | undefined,
): TraceSeed {
  if (traceparent !== undefined)
    return { ...traceparent, traceState: sanitizeTracestate(read('tracestate')) };
  if (isTraceId(traceHeader)) return { traceId: traceHeader };
  if (isShortId(traceHeader)) return { id: traceHeader };
  return {};
}

function safe(value: string | undefined): string | undefined {
  return isSafeId(value) ? value : undefined;
}
