import { randomBytes } from 'node:crypto';

/** The ids of one request or job, as an error and an envelope show them. */
export interface TraceIds {
  /** The W3C trace id, 32 hex digits. */
  readonly fullTraceId: string;
  /** The displayed id: the last 8 digits of the full one. */
  readonly traceId: string;
  readonly requestId: string;
}

/**
 * The ids of the trace that is active now, or undefined outside of one. What `@kit/trace` puts under
 * `Symbol.for('@kit/trace')` is read by its structure, so neither package needs the other.
 */
export function currentTraceIds(): TraceIds | undefined {
  try {
    const port = (globalThis as Record<symbol, unknown>)[tracePort] as TracePort | undefined;
    const trace = port?.getTrace?.();
    if (!trace || typeof trace.traceId !== 'string' || !fullIdPattern.test(trace.traceId)) return undefined;
    const traceId =
      typeof trace.id === 'string' && shortIdPattern.test(trace.id) ? trace.id : trace.traceId.slice(-8);
    const requestId =
      typeof trace.requestId === 'string' && requestIdPattern.test(trace.requestId)
        ? trace.requestId
        : traceId;
    return { fullTraceId: trace.traceId, traceId, requestId };
  } catch {
    // A foreign object under the symbol must not turn one error into another.
    return undefined;
  }
}

/** Ids for an error that is raised outside of every trace: without one nobody could find it in the log. */
export function newTraceIds(): TraceIds {
  if (used === pool.length) {
    pool = randomBytes(poolBytes);
    used = 0;
  }
  const fullTraceId = pool.toString('hex', used, used + idBytes);
  used += idBytes;
  const traceId = fullTraceId.slice(-8);
  return { fullTraceId, traceId, requestId: traceId };
}

// One draw for 256 errors: asking for sixteen bytes at a time costs ten times as much.
const idBytes = 16;
const poolBytes = 256 * idBytes;
let pool = Buffer.alloc(0);
let used = 0;

interface TracePort {
  getTrace?(): { traceId?: unknown; id?: unknown; requestId?: unknown } | undefined;
}

const tracePort = Symbol.for('@kit/trace');
const fullIdPattern = /^[0-9a-f]{32}$/;
const shortIdPattern = /^[0-9a-f]{8}$/;
const requestIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
