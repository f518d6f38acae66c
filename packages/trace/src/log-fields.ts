import type { Logger, LoggerOptions } from 'pino';
import { getTrace } from './context.js';
import { processState } from './process-state.js';
import { isOwnTrace, type Trace } from './trace.js';

/** @internal On a child logger: the trace it carries, wherever it is used. */
export const loggerTrace = Symbol.for('@kit/trace.logger-trace');
/** @internal On a child logger: its bindings already hold the identity, the mixin has only to add the fields. */
export const identityBound = Symbol.for('@kit/trace.identity-bound');
/** @internal On a mixin: it is ours, so the logger needs no second source of the trace. */
export const kitMixin = Symbol.for('@kit/trace.mixin');

/** @internal */
export type TracedLogger = Partial<Record<typeof loggerTrace, Trace> & Record<typeof identityBound, boolean>>;

/**
 * A mixin for a pino logger you already have: every line within a trace carries `traceId`, `id`, `spanId`, `requestId`,
 * `clientRequestId` and the fields of `setTraceFields`.
 *
 * @example
 * ```ts
 * import { pino } from 'pino';
 * import { traceMixin } from '@kit/trace';
 *
 * const logger = pino({ mixin: traceMixin() });
 * logger.info('carries the trace');
 * ```
 */
export function traceMixin(): NonNullable<LoggerOptions['mixin']> {
  const mixin = (_line: object, _level: number, logger: Logger): object => traceFields(logger) ?? {};
  return Object.assign(mixin, { [kitMixin]: true });
}

/** @internal What the mixin adds to a line of this logger; undefined where nothing is to add. */
export function traceFields(logger: object | undefined): Record<string, unknown> | undefined {
  const traced = (logger ?? {}) as TracedLogger;
  const trace = traced[loggerTrace] ?? getTrace();
  if (trace === undefined) return undefined;
  const fields = ownFields(trace);
  return traced[identityBound] === true ? fields : Object.assign(identityOf(trace), fields);
}

/** @internal The identity as it stands on a log line. Under an active span of the same trace the span is that one. */
export function identityOf(trace: Trace): Record<string, unknown> {
  const span = processState.activeSpan?.();
  const identity: Record<string, unknown> = {
    traceId: trace.traceId,
    id: trace.id,
    spanId: span?.traceId === trace.traceId ? span.spanId : trace.spanId,
  };
  if (trace.requestId !== undefined) identity.requestId = trace.requestId;
  if (trace.clientRequestId !== undefined) identity.clientRequestId = trace.clientRequestId;
  return identity;
}

/** @internal The same as pino writes it, for the bindings of a child. The ids of our own records are known to be harmless. */
export function identityText(trace: Trace): string {
  if (!isOwnTrace(trace)) return `,${JSON.stringify(identityOf(trace)).slice(1, -1)}`;
  const { traceId, id, spanId, requestId, clientRequestId } = trace;
  let text = `,"traceId":"${traceId}","id":"${id}","spanId":"${spanId}"`;
  if (requestId !== undefined) text += `,"requestId":"${requestId}"`;
  if (clientRequestId !== undefined) text += `,"clientRequestId":"${clientRequestId}"`;
  return text;
}

/** @internal A field may not pose as the identity: what a request says about itself is not who it is. */
export function isIdentityKey(key: string, trace: Trace): boolean {
  switch (key) {
    case 'traceId':
    case 'id':
    case 'spanId':
      return true;
    case 'requestId':
      return trace.requestId !== undefined;
    case 'clientRequestId':
      return trace.clientRequestId !== undefined;
    default:
      return false;
  }
}

/** @internal The fields of `setTraceFields`; undefined when there are none. */
export function ownFields(trace: Trace): Record<string, unknown> | undefined {
  let fields: Record<string, unknown> | undefined;
  for (const key in trace.fields)
    (fields ??= {})[isIdentityKey(key, trace) ? `_${key}` : key] = trace.fields[key];
  return fields;
}
