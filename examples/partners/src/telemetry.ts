import { getTrace, type TraceLogger } from '@kit/trace';
import { otelBridge } from '@kit/trace/otel';
import {
  type Context,
  context,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, RandomIdGenerator, TracerProvider } from '@opentelemetry/sdk-trace';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long a stopping service waits for its last spans. */
const lastFlushMs = 2_000;

/** Runs `next` in the span of a request that already has its trace. `route` is asked when the response ends. */
export type OpenSpan = (
  request: IncomingMessage,
  response: ServerResponse,
  route: () => string | undefined,
  next: () => void,
) => void;

/** Spans of what comes in, sent to OTEL_EXPORTER_OTLP_ENDPOINT. */
export interface Telemetry {
  /** The spans of one of the services in this process. */
  of(service: string): OpenSpan;
  /** Sends what is left, for two seconds at most. */
  close(): Promise<void>;
}

/**
 * Kit decides about the trace, and whom it believes; OpenTelemetry's spans take its id and parent. So logs, response headers and
 * Jaeger agree on one id. The exporter reads the standard variables (headers, timeout) itself.
 *
 * Loaded only where an endpoint is set: nobody else pays for it.
 */
export function startTelemetry(logger: TraceLogger): Telemetry {
  // A collector that is away costs the spans of that time (2048 wait), and a line in the log.
  diag.setLogger(
    quiet((reason) => logger.warn({ reason }, 'spans could not be sent')),
    DiagLogLevel.WARN,
  );
  const random = new RandomIdGenerator();
  const exporter = new OTLPTraceExporter();
  const providers: TracerProvider[] = [];
  const tracerOf = (service: string) => {
    const provider = new TracerProvider({
      resource: defaultResource().merge(resourceFromAttributes({ 'service.name': service })),
      idGenerator: {
        generateTraceId: () => getTrace()?.traceId ?? random.generateTraceId(),
        generateSpanId: () => random.generateSpanId(),
      },
      spanProcessors: [new BatchSpanProcessor({ exporter })],
    });
    providers.push(provider);
    return provider.getTracer(service);
  };
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const takeDown = otelBridge();

  return {
    of(service) {
      const tracer = tracerOf(service);
      return (request, response, route, next) => {
        const { method = 'GET' } = request;
        const span = tracer.startSpan(method, { kind: SpanKind.SERVER }, callerOf());
        span.setAttribute('http.request.method', method);
        response.once('close', () => {
          const template = route();
          if (template !== undefined) {
            span.updateName(`${method} ${template}`);
            span.setAttribute('http.route', template);
          }
          span.setAttribute('http.response.status_code', response.statusCode);
          // A caller who hung up got no answer.
          if (response.statusCode >= 500 || !response.writableFinished) {
            span.setStatus({ code: SpanStatusCode.ERROR });
          }
          span.end();
        });
        context.with(trace.setSpan(context.active(), span), next);
      };
    },
    async close() {
      takeDown();
      const timeout = AbortSignal.timeout(lastFlushMs);
      const late = new Promise((resolve) => timeout.addEventListener('abort', resolve, { once: true }));
      await Promise.race([Promise.allSettled(providers.map((provider) => provider.shutdown())), late]);
      context.disable();
      diag.disable();
    },
  };
}

/** The caller's span, where Kit believed the caller. */
function callerOf(): Context {
  const { traceId, parentSpanId, sampled } = getTrace() ?? {};
  if (traceId === undefined || parentSpanId === undefined) return ROOT_CONTEXT;
  const traceFlags = sampled === false ? TraceFlags.NONE : TraceFlags.SAMPLED;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: parentSpanId, traceFlags, isRemote: true });
}

/** OpenTelemetry complains with each batch; once a minute is enough. */
function quiet(warn: (reason: string) => void) {
  let silentUntil = 0;
  const say = (...parts: unknown[]) => {
    const now = Date.now();
    if (now < silentUntil) return;
    silentUntil = now + 60_000;
    warn(parts.map((part) => (part instanceof Error ? part.message : String(part))).join(' '));
  };
  return { error: say, warn: say, info() {}, debug() {}, verbose() {} };
}
