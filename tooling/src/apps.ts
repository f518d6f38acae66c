import 'reflect-metadata';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplication, Type, DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import express, { type Express } from 'express';
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';

/** A service on a free loopback port. */
export interface RunningApp<App> {
  app: App;
  server: Server;
  url: string;
  close(): Promise<void>;
}

export async function startExpress(
  setUp: (app: Express) => void | Promise<void>,
): Promise<RunningApp<Express>> {
  const app = express();
  await setUp(app);
  const server = createServer(app);
  return { app, ...(await listen(server)), close: () => closeServer(server) };
}

export async function startFastify(
  setUp: (app: FastifyInstance) => unknown,
  options: FastifyServerOptions = {},
): Promise<RunningApp<FastifyInstance>> {
  const app = fastify({ forceCloseConnections: true, ...options });
  await setUp(app);
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return { app, server: app.server, url, close: () => app.close() };
}

export type NestPlatform = 'express' | 'fastify';

/** A Nest service; pass a module class, or a dynamic module such as `{ module: class {}, imports: […], controllers: […] }`. */
export async function startNest(
  module: Type | DynamicModule,
  platform: NestPlatform = 'express',
  setUp: (app: INestApplication) => void | Promise<void> = () => {},
): Promise<RunningApp<INestApplication>> {
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = await NestFactory.create(module, adapter, {
    logger: false,
    abortOnError: false,
    forceCloseConnections: true,
  });
  await setUp(app);
  await app.listen(0, '127.0.0.1');
  const server = app.getHttpServer() as Server;
  return { app, server, url: urlOf(server), close: () => app.close() };
}

async function listen(server: Server): Promise<{ server: Server; url: string }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: urlOf(server) };
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
