/** A service that a test ends with a real signal: `serve.ts <framework> <options as JSON>`. */
import { Controller, type DynamicModule, Get, Post, Req } from '@nestjs/common';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { startExpress, startFastify, startNest } from 'kit-tooling/apps';
import { healthRoutes } from '../../src/express.js';
import { healthPlugin } from '../../src/fastify.js';
import { type CloseHook, createHealth, gracefulShutdown, healthHandler } from '../../src/index.js';
import { HealthModule } from '../../src/nest.js';

const [framework = 'express', json = '{}'] = process.argv.slice(2);
const { hangingHook, failingHook, ...options } = JSON.parse(json) as Record<string, number | boolean>;
const health = createHealth({ ttlMs: 100 }).add({ name: 'db', check: () => ({ status: 'healthy' }) });

type AnyRequest = IncomingMessage & { raw?: IncomingMessage };

const handlers: Record<string, (req: AnyRequest) => Promise<object>> = {
  async work() {
    await delay(Math.random() * 5);
    return { ok: true };
  },
  async slow() {
    say('begins slow');
    while (server.listening) await delay(20);
    return { ok: true };
  },
  async never() {
    say('begins never');
    await new Promise(() => {});
    return {};
  },
  async upload(req) {
    let bytes = 0;
    for await (const chunk of req.raw ?? req) bytes += (chunk as Buffer).length;
    return { bytes };
  },
};

@Controller()
class WorkController {
  @Get('work')
  work(@Req() req: object) {
    return handlers.work!(req as AnyRequest);
  }
  @Get('slow')
  slow(@Req() req: object) {
    return handlers.slow!(req as AnyRequest);
  }
  @Post('upload')
  upload(@Req() req: object) {
    return handlers.upload!(req as AnyRequest);
  }
}

const frameworks: Record<string, () => Promise<{ server: Server; close?(): Promise<void> }>> = {
  async http() {
    const answersProbe = healthHandler({ health });
    const server = createServer(async (req, res) => {
      if (answersProbe(req, res)) return;
      res.end(JSON.stringify(await handlers[(req.url ?? '').slice(1)]!(req)));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server };
  },
  express: () =>
    startExpress((app) => {
      app.use(healthRoutes({ health }));
      app.get('/work', async (req, res) => void res.json(await handlers.work!(req)));
      app.get('/slow', async (req, res) => void res.json(await handlers.slow!(req)));
      app.post('/upload', async (req, res) => void res.json(await handlers.upload!(req)));
    }),
  fastify: () =>
    startFastify(async (app) => {
      await app.register(healthPlugin, { health });
      app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
      app.get('/work', (request) => handlers.work!(request.raw));
      app.get('/slow', (request) => handlers.slow!(request.raw));
      app.post('/upload', (request) => handlers.upload!(request.raw));
    }),
  'nest on express': () => startNest(nestModule()),
  'nest on fastify': () =>
    startNest(nestModule(), 'fastify', (app) => {
      const fastify = app.getHttpAdapter().getInstance() as FastifyInstance;
      fastify.addContentTypeParser('application/octet-stream', (_request, payload, done) =>
        done(null, payload),
      );
    }),
};

function nestModule(): DynamicModule {
  return {
    module: class AppModule {},
    imports: [HealthModule.forRoot({ health })],
    controllers: [WorkController],
  };
}

const { server, close } = await frameworks[framework]!();
const say = (text: string) => process.stdout.write(`${text}\n`);
const onClose: CloseHook[] = [
  ['db', () => say('closed db')],
  ...(hangingHook ? [['hanging', () => new Promise(() => {})] as const] : []),
  ...(failingHook ? [['failing', () => Promise.reject(new Error('cannot close'))] as const] : []),
  ['queue', async () => say('closed queue')],
  // Frameworks have an end of their own; it comes first, and the server is closed already.
  ['app', async () => close?.()],
];
gracefulShutdown({ server, health, onClose, ...options });
say(`port ${(server.address() as AddressInfo).port}`);
