import type { Logger } from 'pino';

/** @internal The active OpenTelemetry span as the bridge reports it; `key` is the same object for the same span. */
export interface ActiveSpan {
  readonly key: object;
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  readonly traceState?: string | undefined;
}

/** @internal What every copy of the package in this process must agree on, besides the trace port. */
export interface ProcessState {
  /** Set by `otelBridge()`. */
  activeSpan?: (() => ActiveSpan | undefined) | undefined;
  /** The last logger `createLogger` made. */
  rootLogger?: Logger | undefined;
}

const stateKey = Symbol.for('@kit/trace.state');

/** @internal */
export const processState: ProcessState = sharedState();

function sharedState(): ProcessState {
  const holder = globalThis as unknown as Record<symbol, ProcessState | undefined>;
  return (holder[stateKey] ??= {});
}

/** @internal */
export function setActiveSpanSource(source: () => ActiveSpan | undefined): () => void {
  processState.activeSpan = source;
  return () => {
    if (processState.activeSpan === source) processState.activeSpan = undefined;
  };
}
