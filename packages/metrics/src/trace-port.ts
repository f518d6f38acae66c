interface TracePort {
  getTrace(): { readonly traceId?: unknown } | undefined;
}

const PORT = Symbol.for('@kit/trace');
let port: TracePort | undefined;

/** The W3C trace id (32 hex) of what runs now, if @kit/trace, or anything with its port, is loaded. */
export function currentTraceId(): string | undefined {
  const found = tracePort();
  if (found === undefined) return undefined;
  try {
    const id = found.getTrace()?.traceId;
    return typeof id === 'string' && traceId.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

export function tracePort(): TracePort | undefined {
  const current = (globalThis as Record<symbol, unknown>)[PORT] as TracePort | undefined;
  if (current !== port) port = typeof current?.getTrace === 'function' ? current : undefined;
  return port;
}

const traceId = /^[0-9a-f]{32}$/;
