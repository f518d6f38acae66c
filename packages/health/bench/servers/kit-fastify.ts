import fastify from 'fastify';
import { healthPlugin } from '../../src/fastify.ts';
import { createHealth, gracefulShutdown } from '../../src/index.ts';
import { countPings, graceMs, ping, tellPort, upload, work } from './work.ts';

const health = createHealth().add({
  name: 'db',
  check: async () => {
    await ping();
    return { status: 'healthy' };
  },
});
const app = fastify();
app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
await app.register(healthPlugin, { health });
app.get('/work', work);
app.get('/pings', async () => countPings());
app.post('/upload', (request) => upload(request.raw));
await app.listen({ port: 0, host: '127.0.0.1' });
gracefulShutdown({ server: app.server, health, readyDelayMs: graceMs });
tellPort(app.server);
