import fastify from 'fastify';
import fastifyMetrics from 'fastify-metrics';
import { serveForBench } from 'kit-tooling/bench';

const app = fastify();
await app.register(fastifyMetrics as never, { endpoint: '/metrics' });
app.get('/users/:id', async () => ({ ok: true }));
await app.listen({ port: 0, host: '127.0.0.1' });
await serveForBench(app.server);
