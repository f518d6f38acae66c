import { getTrace, injectTrace, type TraceLogger } from '@kit/trace';
import { otelBridge } from '@kit/trace/otel';
import {
  type Context,
  context,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  type Span,
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

/** Spans of what comes in and goes out, sent to OTEL_EXPORTER_OTLP_ENDPOINT. */
export interface Telemetry {
  /** Runs `next` in the span of a request that already has its trace. `route` is asked when the response ends. */
  serve: (
    request: IncomingMessage,
    response: ServerResponse,
    route: () => string | undefined,
    next: () => void,
  ) => void;
  /** A `fetch` whose every call is a span, and the parent of the partner's. */
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Sends what is left, for two seconds at most. */
  close(): Promise<void>;
}

/**
 * Kit decides about the trace, and whom it believes; OpenTelemetry's spans take its id and parent. So logs, response headers and
 * Jaeger agree on one id. The exporter reads the standard variables (headers, timeout) itself.
 *
 * Loaded only where an endpoint is set: nobody else pays for it.
 */
export function startTelemetry(service: string, logger: TraceLogger): Telemetry {
  // A collector that is away costs the spans of that time (2048 wait), and a line in the log.
  diag.setLogger(
    quiet((reason) => logger.warn({ reason }, 'spans could not be sent')),
    DiagLogLevel.WARN,
  );
  const random = new RandomIdGenerator();
  const provider = new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({ 'service.name': service })),
    idGenerator: {
      generateTraceId: () => getTrace()?.traceId ?? random.generateTraceId(),
      generateSpanId: () => random.generateSpanId(),
    },
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const tracer = provider.getTracer(service);
  const takeDown = otelBridge();

  return {
    serve(request, response, route, next) {
      const { method = 'GET' } = request;
      const span = tracer.startSpan(method, { kind: SpanKind.SERVER }, callerOf());
      span.setAttribute('http.request.method', method);
      response.once('close', () => {
        const template = route();
        if (template !== undefined) {
          span.updateName(`${method} ${template}`);
          span.setAttribute('http.route', template);
        }
        // A caller who hung up got no answer.
        if (!response.writableFinished) span.setStatus({ code: SpanStatusCode.ERROR, message: 'aborted' });
        end(span, response.statusCode);
      });
      context.with(trace.setSpan(context.active(), span), next);
    },
    fetch(url, init) {
      const { host } = new URL(url);
      const method = init.method ?? 'GET';
      return tracer.startActiveSpan(`${method} ${host}`, { kind: SpanKind.CLIENT }, async (span) => {
        span.setAttributes({ 'http.request.method': method, 'server.address': host });
        try {
          const response = await fetch(url, { ...init, headers: injectTrace(new Headers(init.headers)) });
          end(span, response.status, 400);
          return response;
        } catch (error) {
          span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).name });
          span.end();
          throw error;
        }
      });
    },
    async close() {
      takeDown();
      const timeout = AbortSignal.timeout(lastFlushMs);
      const late = new Promise((resolve) => timeout.addEventListener('abort', resolve, { once: true }));
      await Promise.race([provider.shutdown().catch(() => {}), late]);
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

function end(span: Span, status: number, failsFrom = 500): void {
  span.setAttribute('http.response.status_code', status);
  if (status >= failsFrom) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
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
