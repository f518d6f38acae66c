import fastify from 'fastify';
import { serveForBench } from 'kit-tooling/bench';
import { errorsPlugin } from '@kit/errors/fastify';

const app = fastify();
await app.register(errorsPlugin, { typeBaseUrl: 'https://docs.example/errors/' });
app.get('/orders/:id', async () => {
  throw new Error('the ledger is away');
});
await app.listen({ port: 0, host: '127.0.0.1' });
await serveForBench(app.server);
