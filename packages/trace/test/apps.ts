import { setTimeout as sleep } from 'node:timers/promises';
import {
  Controller,
  Get,
  HttpException,
  Module,
  Post,
  Req,
  Res,
  type MiddlewareConsumer,
} from '@nestjs/common';
import { json as expressJson } from 'express';
import { startExpress, startFastify, startNest, type NestPlatform } from 'kit-tooling/apps';
import { getTrace, type TraceOptions } from '../src/index.js';
import { traceMiddleware } from '../src/express.js';
import { tracePlugin } from '../src/fastify.js';
import { TraceModule } from '../src/nest.js';

export interface TestApp {
  url: string;
  close(): Promise<void>;
}

export type StartApp = (options: TraceOptions<any>) => Promise<TestApp>;

export const frameworks: [name: string, start: StartApp][] = [
  [
    'express',
    (options) =>
      startExpress((app) => {
        app.use(traceMiddleware(options));
        app.use((_req, res, next) => {
          res.setHeader('x-seen-by-middleware', getTrace()?.id ?? 'nothing');
          next();
        });
        app.use(expressJson());
        app.get('/trace', (_req, res) => void res.json(here()));
        app.post('/trace', async (req, res) => {
          await sleep(1);
          res.json({ ...here(), body: req.body });
        });
        app.get('/orders/:id', (_req, res) => void res.json(here()));
        app.get('/fail', () => {
          throw new Error('boom');
        });
        app.get('/hang', (_req, res) => void res.write('begin'));
        app.get('/stream', (_req, res) => {
          res.write('a'.repeat(1000));
          res.end('b'.repeat(1000));
        });
      }),
  ],
  [
    'fastify',
    (options) =>
      startFastify(async (app) => {
        await app.register(tracePlugin, options);
        app.addHook('preHandler', async (_req, reply) => {
          reply.header('x-seen-by-middleware', getTrace()?.id ?? 'nothing');
        });
        app.get('/trace', () => here());
        app.post('/trace', async (req) => {
          await sleep(1);
          return { ...here(), body: req.body };
        });
        app.get('/orders/:id', () => here());
        app.get('/fail', () => {
          throw new Error('boom');
        });
        app.get('/hang', (_req, reply) => {
          reply.hijack();
          reply.raw.write('begin');
        });
        app.get('/stream', (_req, reply) => {
          reply.hijack();
          reply.raw.write('a'.repeat(1000));
          reply.raw.end('b'.repeat(1000));
        });
      }),
  ],
  ['nest on express', (options) => nest(options, 'express')],
  ['nest on fastify', (options) => nest(options, 'fastify')],
];

function here() {
  const { traceId, id, clientRequestId, requestId, kind } = getTrace() ?? {};
  return { traceId, id, clientRequestId, requestId, kind };
}

class AppController {
  trace() {
    return here();
  }
  async post(req: { body: unknown }) {
    await sleep(1);
    return { ...here(), body: req.body };
  }
  order() {
    return here();
  }
  fail() {
    throw new HttpException('boom', 500);
  }
  hang(res: any) {
    if (res.hijack) res.hijack();
    (res.raw ?? res).write('begin');
  }
  stream(res: any) {
    if (res.hijack) res.hijack();
    (res.raw ?? res).write('a'.repeat(1000));
    (res.raw ?? res).end('b'.repeat(1000));
  }
}
const decorate = (name: keyof AppController, ...decorators: MethodDecorator[]) => {
  for (const decorator of decorators)
    decorator(AppController.prototype, name, Object.getOwnPropertyDescriptor(AppController.prototype, name)!);
};
Controller()(AppController);
decorate('trace', Get('trace'));
decorate('post', Post('trace'));
Req()(AppController.prototype, 'post', 0);
decorate('order', Get('orders/:id'));
decorate('fail', Get('fail'));
decorate('hang', Get('hang'));
Res()(AppController.prototype, 'hang', 0);
decorate('stream', Get('stream'));
Res()(AppController.prototype, 'stream', 0);

function nest(options: TraceOptions<any>, platform: NestPlatform) {
  class AppModule {
    configure(consumer: MiddlewareConsumer) {
      consumer
        .apply((_req: unknown, res: any, next: () => void) => {
          res.setHeader('x-seen-by-middleware', getTrace()?.id ?? 'nothing');
          next();
        })
        .forRoutes('*');
    }
  }
  Module({ imports: [TraceModule.forRoot(options)], controllers: [AppController] })(AppModule);
  return startNest(AppModule, platform);
}
