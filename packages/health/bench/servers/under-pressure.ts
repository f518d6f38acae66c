import underPressure from '@fastify/under-pressure';
import fastify from 'fastify';
import { setTimeout as delay } from 'node:timers/promises';
import { countPings, graceMs, ping, tellPort, upload, work } from './work.ts';

const app = fastify();
app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
await app.register(underPressure, {
  exposeStatusRoute: '/health/ready',
  healthCheck: async () => {
    await ping();
    return true;
  },
});
app.get('/work', work);
app.get('/pings', async () => countPings());
app.post('/upload', (request) => upload(request.raw));
await app.listen({ port: 0, host: '127.0.0.1' });
// It has no shutdown of its own; this is what its users write.
process.once('SIGTERM', async () => {
  await delay(graceMs);
  await app.close();
  process.exit(0);
});
tellPort(app.server);
