import { removeHeader, writeHeader } from './carrier.js';
import { newSpanId } from './ids.js';
import { processState } from './process-state.js';
import type { Trace } from './trace.js';
import { formatTraceparent } from './traceparent.js';

/** @internal Writes the outbound headers of a trace; every call, so every attempt, has a span id of its own. */
export function injectHeaders<C extends object>(carrier: C, trace: Trace): C {
  const span = processState.activeSpan?.();
  // Under an active span its id is the only one a trace backend can find as a parent.
  const spanId = span?.traceId === trace.traceId ? span.spanId : newSpanId();
  writeHeader(carrier, 'traceparent', formatTraceparent(trace.traceId, spanId, trace.sampled));
  if (trace.traceState === undefined) removeHeader(carrier, 'tracestate');
  else writeHeader(carrier, 'tracestate', trace.traceState);
  writeHeader(carrier, 'X-Trace-ID', trace.id);
  writeHeader(carrier, 'X-Request-ID', trace.traceId);
  return carrier;
}
