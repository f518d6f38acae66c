import { context, trace, type Tracer } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { startFastify } from 'kit-tooling/apps';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  extractTrace,
  getLogger,
  getTrace,
  getTraceId,
  injectTrace,
  runWithTrace,
  setTraceFields,
} from '../src/index.js';
import { tracePlugin } from '../src/fastify.js';
import { otelBridge } from '../src/otel.js';
import { recordLines, until } from './lines.js';

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
let tracer: Tracer;
let takeDown = () => {};

beforeAll(() => {
  provider.register();
  tracer = trace.getTracer('kit');
});
afterAll(async () => {
  await provider.shutdown();
  trace.disable();
  context.disable();
});
beforeEach(() => {
  exporter.reset();
  takeDown = otelBridge();
});
afterEach(() => takeDown());

describe('otelBridge, with an active span', () => {
  it('makes its trace id ours', () => {
    tracer.startActiveSpan('work', (span) => {
      runWithTrace({}, () =>
        expect(getTrace()).toMatchObject({ traceId: span.spanContext().traceId, sampled: true }),
      );
      span.end();
    });
    const [span] = exporter.getFinishedSpans();
    expect(span!.name).toBe('work');
  });

  it('is the trace where nothing of ours was started, and keeps fields with the span', () => {
    tracer.startActiveSpan('work', (span) => {
      expect(getTraceId()).toBe(span.spanContext().traceId.slice(-8));
      setTraceFields({ a: 1 });
      expect(getTrace()!.fields).toEqual({ a: 1 });
      span.end();
    });
    expect(getTrace()).toBeUndefined();
  });

  it('comes before a traceparent, trusted or carried', () => {
    const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    tracer.startActiveSpan('work', (span) => {
      const { traceId } = span.spanContext();
      expect(extractTrace(headers, { trust: true }).traceId).toBe(traceId);
      runWithTrace(headers, () => expect(getTrace()!.traceId).toBe(traceId));
      span.end();
    });
  });

  it('gives log lines the span they were written in', () => {
    const { logger, lines } = recordLines();
    tracer.startActiveSpan('outer', (outer) => {
      runWithTrace({}, () => {
        logger.info('outer');
        tracer.startActiveSpan('inner', (inner) => {
          logger.info('inner');
          inner.end();
        });
      });
      outer.end();
    });
    const [inner, outer] = exporter.getFinishedSpans();
    expect(lines.map((line) => line.spanId)).toEqual([
      outer!.spanContext().spanId,
      inner!.spanContext().spanId,
    ]);
    expect(new Set(lines.map((line) => line.traceId))).toEqual(new Set([outer!.spanContext().traceId]));
  });

  it('is the parent of what is sent', () => {
    tracer.startActiveSpan('work', (span) => {
      const { traceId, spanId } = span.spanContext();
      runWithTrace({}, () => expect(injectTrace().traceparent).toBe(`00-${traceId}-${spanId}-01`));
      span.end();
    });
  });

  it('is carried by the logger of a request, with the handler’s span on its lines', async () => {
    const { logger, lines } = recordLines();
    const app = await startFastify(async (app) => {
      app.addHook('onRequest', (_request, _reply, done) => {
        tracer.startActiveSpan('server', (span) => {
          done();
          span.end();
        });
      });
      await app.register(tracePlugin, { logger });
      app.get('/', () => {
        logger.info('in the handler');
        return 'ok';
      });
    });
    const response = await fetch(app.url);
    await until(() => lines.some((line) => line.msg === 'request finished'));
    await app.close();
    const [span] = exporter.getFinishedSpans();
    expect(response.headers.get('x-trace-id')).toBe(span!.spanContext().traceId.slice(-8));
    const handler = lines.find((line) => line.msg === 'in the handler')!;
    expect(handler).toMatchObject({
      traceId: span!.spanContext().traceId,
      spanId: span!.spanContext().spanId,
    });
  });
});

describe('otelBridge, without an active span', () => {
  it('leaves everything as it is', () => {
    runWithTrace({}, () => {
      expect(getTraceId()).toMatch(/^[0-9a-f]{8}$/);
      expect(() => getLogger()).not.toThrow();
    });
    expect(getTrace()).toBeUndefined();
  });

  it('does not take a span of another trace for the one on a line', () => {
    const { logger, lines } = recordLines();
    runWithTrace({}, () => {
      tracer.startActiveSpan('other', { root: true }, (span) => {
        logger.info('x');
        expect(lines[0]).toMatchObject({ traceId: getTrace()!.traceId, spanId: getTrace()!.spanId });
        span.end();
      });
    });
  });

  it('can be taken down', () => {
    takeDown();
    tracer.startActiveSpan('work', (span) => {
      expect(getTrace()).toBeUndefined();
      span.end();
    });
  });
});
