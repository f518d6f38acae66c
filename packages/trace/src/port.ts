import { AsyncLocalStorage } from 'node:async_hooks';
import { injectHeaders } from './inject.js';
import { processState } from './process-state.js';
import { createTrace, type Trace } from './trace.js';

/** Anything that carries headers: a plain object, `Headers`, a `Map`, the payload of a queue. */
export type TraceCarrier = object;

/** What `globalThis[Symbol.for('@kit/trace')]` holds: the one store of the process, for every copy and every package. */
export interface TracePort {
  readonly version: 1;
  getTrace(): Trace | undefined;
  run<T>(trace: Trace, fn: () => T): T;
  inject<C extends TraceCarrier>(carrier: C): C;
}

/** @internal */
export const tracePortKey = Symbol.for('@kit/trace');

/** @internal The first copy's port, or ours when we are the first. */
export const tracePort: TracePort = existingPort() ?? installPort();

function existingPort(): TracePort | undefined {
  const found = (globalThis as Record<symbol, unknown>)[tracePortKey] as Partial<TracePort> | undefined;
  const usable = typeof found?.getTrace === 'function' && typeof found.run === 'function';
  return usable ? (found as TracePort) : undefined;
}

function installPort(): TracePort {
  const store = new AsyncLocalStorage<Trace>();
  const port: TracePort = Object.freeze({
    version: 1,
    getTrace: () =>
      store.getStore() ?? (processState.activeSpan === undefined ? undefined : traceOfActiveSpan()),
    // `run` only: with `enterWith` the second request of a keep-alive connection saw the first one's store.
    run: <T>(trace: Trace, fn: () => T): T => store.run(trace, fn),
    inject: <C extends TraceCarrier>(carrier: C): C => {
      const trace = port.getTrace();
      return trace === undefined ? carrier : injectHeaders(carrier, trace);
    },
  });
  Object.defineProperty(globalThis, tracePortKey, { value: port, configurable: true, writable: true });
  return port;
}

// Code that runs under an OpenTelemetry span and no trace of ours: the span is the trace. One record a span keeps its fields.
const adopted = new WeakMap<object, Trace>();

function traceOfActiveSpan(): Trace | undefined {
  const span = processState.activeSpan?.();
  if (span === undefined) return undefined;
  let trace = adopted.get(span.key);
  if (trace === undefined) {
    trace = createTrace(span, 'span');
    adopted.set(span.key, trace);
  }
  return trace;
}
