import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { getTrace, runWithTrace, tracedFetch } from '@kit/trace';
import { otelBridge } from '@kit/trace/otel';
import { context, trace, TraceFlags } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const takeDown = otelBridge();
const span = trace.wrapSpanContext({
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: TraceFlags.SAMPLED,
});
const server = createServer((req, res) => res.end(req.headers.traceparent)).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const fetchInside = tracedFetch(fetch, { allow: ['127.0.0.1'] });
await context.with(trace.setSpan(context.active(), span), () =>
  runWithTrace({}, async () => {
    assert.equal(getTrace().traceId, '0af7651916cd43dd8448eb211c80319c');
    const answer = await fetchInside(`http://127.0.0.1:${server.address().port}/`);
    assert.match(await answer.text(), /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
  }),
);
takeDown();
assert.notEqual(
  runWithTrace({}, () => getTrace().traceId),
  '0af7651916cd43dd8448eb211c80319c',
);
server.close();
console.log('spans: ok');
