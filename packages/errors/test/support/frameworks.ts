import { All, Body, Controller, type DynamicModule, Get, Header, Inject, Post, Res } from '@nestjs/common';
import type { ErrorHandlingOptions } from '../../src/index.js';
import { errorsMiddleware, notFoundMiddleware } from '../../src/express.js';
import { errorsPlugin } from '../../src/fastify.js';
import { ErrorsModule } from '../../src/nest.js';
import express, { type Response } from 'express';
import { type NestPlatform, startExpress, startFastify, startNest } from 'kit-tooling/apps';
import type { ServerResponse } from 'node:http';

/** A service with the same routes on every framework. `thrown` is what its handlers throw. */
export interface Service {
  url: string;
  close(): Promise<void>;
}

export interface ServiceOptions extends ErrorHandlingOptions {
  /** What `/throw/:id` throws. */
  thrown?: () => unknown;
  /** Runs `work` inside of it, as a trace middleware would. */
  around?: <T>(work: () => T) => T;
}

const half = (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.write('half of');
};

function startOnExpress({
  thrown = () => new Error('x'),
  around = (work) => work(),
  ...options
}: ServiceOptions) {
  return startExpress((app) => {
    app.use((_request, _response, next) => around(next));
    app.use(express.json({ limit: '2kb' }));
    app.all('/throw/:id', async () => {
      await Promise.resolve();
      throw thrown();
    });
    app.get('/half', (_request, response) => {
      half(response);
      throw thrown();
    });
    app.get('/stale', (_request, response) => {
      response.set({ etag: '"1"', 'content-encoding': 'gzip', 'content-disposition': 'attachment' });
      throw thrown();
    });
    app.post('/echo', (request, response: Response) => void response.json(request.body));
    app.use(notFoundMiddleware());
    app.use(errorsMiddleware(options));
  });
}

function startOnFastify({
  thrown = () => new Error('x'),
  around = (work) => work(),
  ...options
}: ServiceOptions) {
  return startFastify(
    async (app) => {
      app.addHook('onRequest', (_request, _reply, done) => around(done));
      await app.register(errorsPlugin, options);
      app.all('/throw/:id', async () => {
        await Promise.resolve();
        throw thrown();
      });
      app.get('/half', (_request, reply) => {
        half(reply.raw);
        throw thrown();
      });
      app.get('/stale', async (_request, reply) => {
        reply.headers({ etag: '"1"', 'content-encoding': 'gzip', 'content-disposition': 'attachment' });
        throw thrown();
      });
      app.post('/echo', (request) => request.body);
    },
    { bodyLimit: 2_048 },
  );
}

const THROWN = Symbol('thrown');

@Controller()
class ShopController {
  constructor(@Inject(THROWN) readonly thrown: () => unknown) {}

  @All('throw/:id')
  async throwing(): Promise<never> {
    await Promise.resolve();
    throw this.thrown();
  }

  @Get('half')
  half(@Res() response: ServerResponse & { raw?: ServerResponse }): never {
    half(response.raw ?? response);
    throw this.thrown();
  }

  @Get('stale')
  @Header('etag', '"1"')
  @Header('content-encoding', 'gzip')
  @Header('content-disposition', 'attachment')
  stale(): never {
    throw this.thrown();
  }

  @Post('echo')
  echo(@Body() body: unknown): unknown {
    return body;
  }
}

function startOnNest(
  platform: NestPlatform,
  { thrown = () => new Error('x'), around = (work) => work(), ...options }: ServiceOptions,
) {
  const module: DynamicModule = {
    module: class Shop {},
    imports: [ErrorsModule.forRoot(options)],
    controllers: [ShopController],
    providers: [{ provide: THROWN, useValue: thrown }],
  };
  return startNest(module, platform, (app) => {
    app.use((_request: unknown, _response: unknown, next: () => void) => around(next));
  });
}

/** Every framework, with one way to start the service. */
export const frameworks: [name: string, start: (options: ServiceOptions) => Promise<Service>][] = [
  ['express', startOnExpress],
  ['fastify', startOnFastify],
  ['nest on express', (options) => startOnNest('express', options)],
  ['nest on fastify', (options) => startOnNest('fastify', options)],
];
