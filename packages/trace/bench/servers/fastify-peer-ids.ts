import { fastifyRequestContext, requestContext } from '@fastify/request-context';
import fastify from 'fastify';
import { serveForBench } from 'kit-tooling/bench';
import { destination, pino } from 'pino';
import { pinoHttp } from 'pino-http';
import { logPath } from './log-path.ts';
import { genReqId } from './request-id.ts';

declare module '@fastify/request-context' {
  interface RequestContextData {
    id: string;
  }
}

const log = pinoHttp({ genReqId, logger: pino(destination({ dest: logPath, sync: true })) });
const app = fastify();
await app.register(fastifyRequestContext);
app.addHook('onRequest', (request, reply, done) => {
  log(request.raw, reply.raw);
  requestContext.set('id', String(request.raw.id));
  done();
});
app.get('/', () => ({ ok: requestContext.get('id') !== undefined }));
await app.listen({ port: 0, host: '127.0.0.1' });
await serveForBench(app.server);
