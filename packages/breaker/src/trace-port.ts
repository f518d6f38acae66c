interface TracePort {
  inject?: (carrier: Record<string, string>) => unknown;
}

/** The headers of the current trace, with a new span id each time; none without `@kit/trace`. */
export function traceHeaders(): Record<string, string> {
  const port = (globalThis as { [key: symbol]: unknown })[Symbol.for('@kit/trace')] as TracePort | undefined;
  if (typeof port?.inject !== 'function') return {};
  try {
    const carrier: Record<string, string> = {};
    const injected = port.inject(carrier);
    return typeof injected === 'object' && injected !== null ? { ...injected } : carrier;
  } catch {
    // A request without a trace is better than none.
    return {};
  }
}
