/** What @kit/trace puts on globalThis; read by structure, so that neither package needs the other. */
interface TracePort {
  getTrace?(): unknown;
  run?<T>(trace: unknown, fn: () => T): T;
  inject?(carrier: Record<string, string>): unknown;
}

/**
 * The trace of the moment as JSON text, to go on with it in another process.
 *
 * @internal
 */
export function currentTraceText(): string | null {
  try {
    const trace = port()?.getTrace?.();
    return trace === undefined ? null : (JSON.stringify(trace) ?? null);
  } catch {
    return null;
  }
}

/** @internal */
export function runWithStoredTrace<T>(trace: unknown, fn: () => T): T {
  const tracer = port();
  return tracer?.run && typeof trace === 'object' && trace !== null ? tracer.run(trace, fn) : fn();
}

/**
 * The headers that carry the trace along with a message.
 *
 * @internal
 */
export function traceHeaders(): Record<string, string> {
  const carrier: Record<string, string> = {};
  try {
    port()?.inject?.(carrier);
  } catch {
    // A trace is never worth a message.
  }
  return carrier;
}

function port(): TracePort | undefined {
  return (globalThis as Record<symbol, unknown>)[Symbol.for('@kit/trace')] as TracePort | undefined;
}
