import { isShortId, isSpanId, isTraceId, newIds } from './ids.js';
import { sanitizeTracestate } from './traceparent.js';

/** What a trace belongs to: one of the usual words, or a word of your own. */
export type TraceKind = 'request' | 'job' | 'cron' | 'message' | 'cli' | (string & {});

/** Values that appear on every later log line of a trace. */
export type TraceFields = Record<string, unknown>;

/** The identity of one request, job, cron tick or message. Frozen; only `fields` changes. */
export interface Trace {
  /** W3C trace id, 32 lower-case hex characters. */
  readonly traceId: string;
  /** What people read out and search for: the last 8 characters of `traceId`. */
  readonly id: string;
  /** W3C parent id of what this process sends, 16 hex characters. */
  readonly spanId: string;
  /** The caller's span, when a trusted `traceparent` or an outer trace named one. */
  readonly parentSpanId?: string | undefined;
  /** The inbound `X-Request-ID`, when it was valid and trusted. */
  readonly requestId?: string | undefined;
  /** A valid inbound id of a caller that is not trusted: logged, used for nothing else. */
  readonly clientRequestId?: string | undefined;
  /** The W3C sampled flag, passed on as it came. */
  readonly sampled: boolean;
  readonly kind: TraceKind;
  /** Sanitised W3C `tracestate`, passed on as it came. */
  readonly traceState?: string | undefined;
  /** Mutable; written by `setTraceFields`. */
  readonly fields: TraceFields;
}

/** A partial trace to start from; what is missing or malformed is generated. */
export type TraceSeed = Partial<Trace>;

/** The one pattern an id from outside must fit: 8 to 64 characters that are harmless in a header, a log line and a shell. */
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$/;

/** @internal */
export function isSafeId(value: unknown): value is string {
  return typeof value === 'string' && idPattern.test(value);
}

/** @internal Completes a seed to a whole, frozen trace. */
export function createTrace(seed: TraceSeed, kind: TraceKind): Trace {
  return new TraceRecord(seed, typeof seed.kind === 'string' ? seed.kind : kind);
}

/** @internal The loggers of a trace, which live and die with it. */
export interface TraceLoggers {
  /** The one without a name, and the root it is a child of. */
  root?: unknown;
  plain?: unknown;
  named?: Map<string, { root: unknown; logger: unknown }>;
}

/** @internal Undefined for a trace that another copy of the package made. */
export function loggersOf(trace: Trace): TraceLoggers | undefined {
  return TraceRecord.loggersOf(trace);
}

/** @internal Whether this copy of the package made the record, and so checked every id in it. */
export function isOwnTrace(trace: Trace): boolean {
  return TraceRecord.isOwn(trace);
}

// A class for its private field: the record is frozen, the loggers cached beside it are not, and no key shows.
class TraceRecord implements Trace {
  readonly traceId: string;
  readonly id: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly requestId: string | undefined;
  readonly clientRequestId: string | undefined;
  readonly sampled: boolean;
  readonly kind: TraceKind;
  readonly traceState: string | undefined;
  readonly fields: TraceFields;
  #loggers: TraceLoggers | undefined = undefined;

  constructor(seed: TraceSeed, kind: TraceKind) {
    const fresh = newIds();
    this.traceId = traceIdFrom(seed, fresh.traceId);
    this.id = this.traceId.slice(-8);
    this.spanId = isSpanId(seed.spanId) ? seed.spanId : fresh.spanId;
    this.parentSpanId = isSpanId(seed.parentSpanId) ? seed.parentSpanId : undefined;
    this.requestId = isSafeId(seed.requestId) ? seed.requestId : undefined;
    this.clientRequestId = isSafeId(seed.clientRequestId) ? seed.clientRequestId : undefined;
    this.sampled = typeof seed.sampled === 'boolean' ? seed.sampled : true;
    this.kind = kind;
    this.traceState = seed.traceState === undefined ? undefined : sanitizeTracestate(seed.traceState);
    this.fields = seed.fields === undefined ? {} : { ...seed.fields };
    Object.freeze(this);
  }

  static isOwn(trace: Trace): boolean {
    return #loggers in trace;
  }

  static loggersOf(trace: Trace): TraceLoggers | undefined {
    return #loggers in trace ? (trace.#loggers ??= {}) : undefined;
  }
}

function traceIdFrom(seed: TraceSeed, fresh: string): string {
  if (isTraceId(seed.traceId)) return seed.traceId;
  return isShortId(seed.id) ? fresh.slice(0, 24) + seed.id : fresh;
}
