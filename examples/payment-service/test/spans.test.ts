import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { startPlatform } from './platform.ts';

interface SentSpan {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** 2 server, 3 client. */
  kind: number;
}

it('sends a payment and what it asked of the partners as one trace, under the id of the logs and the response', async () => {
  const collector = await startCollector();
  const platform = await startPlatform({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  const stranger = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const { status, headers } = await platform.request('/v1/payments', {
    json: { amount: 1_250, currency: 'EUR', customerId: 'customer-1' },
    headers: { 'idempotency-key': 'one', traceparent: stranger },
  });
  expect(status).toBe(201);
  // What has not been sent yet is sent before the processes end.
  await platform.stop();
  await collector.close();

  const lines = [platform.service.stdout, platform.partnersLog]
    .flatMap((log) => log.split('\n'))
    .filter((line) => line.includes(`"id":"${headers.get('x-trace-id')}"`))
    .map((line) => JSON.parse(line) as { service: string; traceId: string; spanId: string });
  const traceIds = new Set(lines.map(({ traceId }) => traceId));
  expect(traceIds.size).toBe(1);
  const [traceId] = traceIds;
  expect(traceId).not.toBe('a'.repeat(32));

  const trace = collector.spans.filter((span) => span.traceId === traceId);
  expect(new Set(trace.map(({ service }) => service))).toEqual(
    new Set(['payment-service', 'risk-service', 'order-service', 'channel-adapter']),
  );
  const [root, ...others] = trace.filter(({ parentSpanId }) => !parentSpanId);
  expect(others).toEqual([]);
  expect(root).toMatchObject({ service: 'payment-service', name: 'POST /v1/payments', kind: 2 });
  for (const partner of ['risk-service', 'order-service', 'channel-adapter']) {
    const served = trace.find(({ service }) => service === partner)!;
    const call = trace.find(({ spanId }) => spanId === served.parentSpanId)!;
    expect(call).toMatchObject({ service: 'payment-service', kind: 3, parentSpanId: root!.spanId });
    const line = lines.findLast(({ service }) => service === partner)!;
    expect(line.spanId).toBe(served.spanId);
  }
  expect(collector.spans.map(({ name }) => name).filter((name) => name.includes('health'))).toEqual([]);
});

it('takes payments and stops in time while the collector hangs', async () => {
  const collector = await startCollector(() => {});
  const platform = await startPlatform({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  expect((await platform.pay()).status).toBe(201);
  await platform.stop();
  // Not in time, it would have been ended with another code.
  expect((await platform.service.exited).code).toBe(0);
  await collector.close();
});

it('takes payments while no collector is there, and says so once in the log', async () => {
  const platform = await startPlatform({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    OTEL_EXPORTER_OTLP_TIMEOUT: '100',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  });
  for (let payment = 0; payment < 3; payment += 1) expect((await platform.pay()).status).toBe(201);
  await platform.service.waitFor(/spans could not be sent/);
  await platform.stop();
  expect((await platform.service.exited).code).toBe(0);
  expect(platform.service.stdout.match(/spans could not be sent/g)).toHaveLength(1);
});

it('loads nothing of OpenTelemetry without an endpoint', async () => {
  const watch = `import { registerHooks } from 'node:module';
    registerHooks({ resolve(name, context, next) {
      if (/opentelemetry.(sdk|exporter|context)/.test(name)) console.error('loads ' + name);
      return next(name, context);
    } });`;
  const observed = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(watch)}` };
  const without = await startPlatform(observed);
  expect((await without.pay()).status).toBe(201);
  await without.stop();
  expect(without.service.stderr).not.toContain('loads');
  const collector = await startCollector();
  const withSpans = await startPlatform({ ...observed, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  await withSpans.stop();
  await collector.close();
  expect(withSpans.service.stderr).toContain('loads @opentelemetry/sdk-trace');
});

/** What a collector does with OTLP over HTTP: takes JSON at /v1/traces and says 200. */
async function startCollector(answer?: RequestListener) {
  const spans: SentSpan[] = [];
  const server = createServer((request, response) => {
    if (answer) return answer(request, response);
    void text(request).then((body) => {
      if (request.url === '/v1/traces') spans.push(...spansOf(JSON.parse(body) as Otlp));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    return undefined;
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    spans,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Otlp {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: Omit<SentSpan, 'service'>[] }[];
  }[];
}

function spansOf({ resourceSpans }: Otlp): SentSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, service })));
  });
}
