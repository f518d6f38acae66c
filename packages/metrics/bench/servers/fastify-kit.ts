import fastify from 'fastify';
import { serveForBench } from 'kit-tooling/bench';
import client from 'prom-client';
import { createMetrics } from '@kit/metrics';
import { metricsPlugin } from '@kit/metrics/fastify';

const app = fastify();
await app.register(metricsPlugin, { metrics: createMetrics({ client }) });
app.get('/users/:id', async () => ({ ok: true }));
await app.listen({ port: 0, host: '127.0.0.1' });
await serveForBench(app.server);
