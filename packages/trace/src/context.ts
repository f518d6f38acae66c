import { readHeader } from './carrier.js';
import { isCarrier, readSeed } from './extract.js';
import { type TraceCarrier, tracePort } from './port.js';
import { processState } from './process-state.js';
import { createTrace, type Trace, type TraceFields, type TraceSeed } from './trace.js';

/**
 * The trace this code runs in, or undefined outside of one.
 *
 * @example
 * ```ts
 * import { getTrace } from '@kit/trace';
 *
 * const full = getTrace()?.traceId;
 * console.log(full);
 * ```
 */
export function getTrace(): Trace | undefined {
  return tracePort.getTrace();
}

/**
 * The 8-character id people read out: the tail of the 32-character `traceId`, so a search for it finds both.
 *
 * @example
 * ```ts
 * import { getTraceId } from '@kit/trace';
 *
 * console.log(`Something went wrong. Your reference: ${getTraceId() ?? 'none'}`);
 * ```
 */
export function getTraceId(): string | undefined {
  return tracePort.getTrace()?.id;
}

/**
 * Adds fields to every later log line of the current trace; outside of a trace it does nothing.
 *
 * @example
 * ```ts
 * import { setTraceFields } from '@kit/trace';
 *
 * setTraceFields({ userId: 'u-17', tenant: 'acme' });
 * ```
 */
export function setTraceFields(fields: TraceFields): void {
  // A trace that came over the port from elsewhere may have none.
  const own: TraceFields | undefined = tracePort.getTrace()?.fields;
  if (own !== undefined) Object.assign(own, fields);
}

/**
 * Runs `fn` in a trace and returns what it returns: a partial trace or a carrier starts that trace, `{}` starts a new one
 * or, inside of a trace, inherits it.
 *
 * A carrier given here is trusted; use `extractTrace(carrier, { trust: false })` for one that is not.
 *
 * @example
 * ```ts
 * import { getLogger, runWithTrace } from '@kit/trace';
 *
 * await runWithTrace({ kind: 'cron' }, async () => {
 *   getLogger('billing').info('nightly run');
 * });
 * ```
 */
export function runWithTrace<T>(seed: TraceSeed | TraceCarrier | undefined, fn: () => T): T {
  if (typeof fn !== 'function') throw new TypeError(`fn must be a function, got ${typeof fn}`);
  return tracePort.run(traceFor(seed), fn);
}

/**
 * Keeps a callback in the trace it was bound in; for event listeners, abort signals, pool callbacks, message ports.
 *
 * @example
 * ```ts
 * import { bindTrace } from '@kit/trace';
 *
 * declare const signal: AbortSignal;
 * signal.addEventListener('abort', bindTrace(() => console.log('still in the trace')));
 * ```
 */
export function bindTrace<F extends (...args: never[]) => unknown>(fn: F): F {
  if (typeof fn !== 'function') throw new TypeError(`fn must be a function, got ${typeof fn}`);
  const trace = tracePort.getTrace();
  if (trace === undefined) return fn;
  const bound = function (this: unknown, ...args: never[]): unknown {
    return tracePort.run(trace, () => fn.apply(this, args));
  };
  return bound as F;
}

/**
 * Writes the outbound headers of the current trace into a carrier and returns it: `traceparent`, `tracestate`,
 * `X-Trace-ID`, `X-Request-ID`. Every call has a new span id; outside of a trace the carrier comes back as it was.
 *
 * @example
 * ```ts
 * import { injectTrace } from '@kit/trace';
 *
 * declare const queue: { add(name: string, data: object): Promise<void> };
 * await queue.add('send-receipt', { orderId: 'o-1', trace: injectTrace() });
 * ```
 */
export function injectTrace(): Record<string, string>;
export function injectTrace<C extends TraceCarrier>(carrier: C): C;
export function injectTrace(carrier: TraceCarrier = {}): TraceCarrier {
  return tracePort.inject(carrier);
}

function traceFor(input: TraceSeed | TraceCarrier | undefined): Trace {
  const outer = tracePort.getTrace();
  const seed = input === undefined || input === null ? {} : seedOf(input);
  if (seed.traceId === undefined && seed.id === undefined) {
    if (outer !== undefined) return isEmpty(seed) ? outer : childOf(outer, seed);
    const span = processState.activeSpan?.();
    if (span !== undefined) return createTrace({ ...span, ...definedOf(seed) }, 'job');
  }
  return createTrace(seed, 'job');
}

// A payload that throws when it is read starts a new trace: that is no reason to drop the message.
function seedOf(input: object): TraceSeed {
  try {
    if (!isCarrier(input)) return { ...input };
    return { ...definedOf(readSeed((name) => readHeader(input, name), true)), kind: 'message' };
  } catch {
    return {};
  }
}

function childOf(outer: Trace, seed: TraceSeed): Trace {
  const fields = { ...outer.fields, ...seed.fields };
  const own = { spanId: undefined, parentSpanId: outer.spanId };
  return createTrace({ ...outer, ...own, ...definedOf(seed), fields }, 'job');
}

function definedOf(seed: TraceSeed): TraceSeed {
  return Object.fromEntries(Object.entries(seed).filter(([, value]) => value !== undefined));
}

function isEmpty(seed: TraceSeed): boolean {
  return Object.values(seed).every((value) => value === undefined);
}
