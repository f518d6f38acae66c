import { isSpanContextValid, trace, TraceFlags } from '@opentelemetry/api';
import { setActiveSpanSource } from './index.js';

const sampledFlag: number = TraceFlags.SAMPLED;

/**
 * Makes the active OpenTelemetry span the first source of ids: traces take its trace id, log lines and outbound headers its
 * span id. Returns a function that takes the bridge down again.
 *
 * @example
 * ```ts
 * import { otelBridge } from '@kit/trace/otel';
 *
 * otelBridge();
 * ```
 */
export function otelBridge(): () => void {
  return setActiveSpanSource(() => {
    const span = trace.getActiveSpan();
    const context = span?.spanContext();
    if (span === undefined || context === undefined || !isSpanContextValid(context)) return undefined;
    return {
      key: span,
      traceId: context.traceId,
      spanId: context.spanId,
      sampled: (context.traceFlags & sampledFlag) !== 0,
      traceState: context.traceState?.serialize(),
    };
  });
}
