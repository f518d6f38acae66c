import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import multipart from '@fastify/multipart';
import expressApp from 'express';
import { Redis } from 'ioredis';
import knexOf, { type Knex } from 'knex';
import multer from 'multer';
import { startExpress, startFastify, startNest } from 'kit-tooling/apps';
import { hasServer, startPostgres, startRedis, type TestServer } from 'kit-tooling/servers';
import { Controller, Module, Post, Req } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bindTrace, getTrace, runWithTrace, setTraceFields } from '../src/index.js';
import { traceMiddleware } from '../src/express.js';
import { tracePlugin } from '../src/fastify.js';
import { TraceModule } from '../src/nest.js';

let postgres: TestServer;
let knex: Knex;
let redisServer: TestServer | undefined;
let redis: Redis | undefined;

beforeAll(async () => {
  postgres = await startPostgres();
  knex = knexOf({ client: 'pg', connection: postgres.url, pool: { min: 0, max: 4 } });
  if (hasServer('redis')) {
    redisServer = await startRedis();
    redis = new Redis(redisServer.url);
  }
});
afterAll(async () => {
  redis?.disconnect();
  await knex.destroy();
  await redisServer?.stop();
  await postgres.stop();
});

/** Goes one of the ways in which a context could be lost, and says whether the trace was the same at every step. */
async function work(n: number, url: string): Promise<boolean> {
  const { traceId } = getTrace()!;
  const kept: boolean[] = [];
  const look = () => kept.push(getTrace()?.traceId === traceId && getTrace()?.fields.n === n);
  setTraceFields({ n });
  look();
  switch (n % 6) {
    case 0:
      await sleep(n % 5);
      await new Promise<void>((resolve) => setImmediate(() => (look(), resolve())));
      break;
    case 1: {
      const through = new PassThrough();
      through.on('data', bindTrace(look));
      await pipeline(Readable.from(['a', 'b']), through);
      break;
    }
    case 2:
      await (await reach(`${url}/plain`)).text();
      break;
    case 3:
      await knex.raw('select pg_sleep(0.001)');
      await knex.transaction(async (trx) => {
        look();
        await trx.raw('select 1');
        look();
      });
      break;
    case 4:
      if (redis === undefined) break;
      await redis.set(`key-${n}`, n);
      look();
      break;
    default:
      if (redis === undefined) break;
      await new Promise<void>((resolve) => redis!.get(`key-${n}`, () => (look(), resolve())));
  }
  look();
  return kept.every(Boolean);
}

/** A thousand sockets of one process: on a loaded machine some are not accepted in time, which says nothing of the traces. */
async function reach(url: string, init?: RequestInit): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await fetch(url, init);
    } catch (error) {
      if (attempt === 20) throw error;
    }
  }
}

async function hammer(url: string, count: number, form: boolean): Promise<void> {
  const answers = new Map<string, boolean>();
  let next = 0;
  const client = async () => {
    while (next < count) {
      const n = next++;
      const body = new FormData();
      body.set('n', String(n));
      // More than one chunk, so that the parser is left and entered again.
      body.set('file', new Blob(['x'.repeat(100_000)]), 'file.txt');
      const response = await reach(`${url}/work`, {
        method: 'POST',
        ...(form && n % 3 === 0
          ? { body }
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ n }) }),
      });
      const answer = (await response.json()) as { kept: boolean; traceId: string };
      answers.set(
        answer.traceId,
        answer.kept && answer.traceId.endsWith(response.headers.get('x-trace-id')!),
      );
    }
  };
  await Promise.all(Array.from({ length: count }, client));
  expect(answers.size).toBe(count);
  expect([...answers.values()].filter((kept) => !kept)).toHaveLength(0);
}

const options = { logStart: false, ignore: [() => true] };

describe('1,000 concurrent mixed requests keep their traces apart', () => {
  it('on Express, multipart included', async () => {
    const app = await startExpress((app) => {
      app.use(traceMiddleware(options), expressApp.json());
      app.get('/plain', (_req, res) => void res.send('ok'));
      app.post('/work', multer().any(), async (req, res) => {
        const kept = await work(Number((req.body as { n: string | number }).n), app2());
        res.json({ kept, traceId: getTrace()!.traceId });
      });
    });
    const app2 = () => app.url;
    await hammer(app.url, 1000, true);
    await app.close();
  });

  it('on Fastify, multipart included', async () => {
    const app = await startFastify(async (app) => {
      await app.register(tracePlugin, options);
      await app.register(multipart);
      app.get('/plain', () => 'ok');
      app.post('/work', async (request) => {
        let n = (request.body as { n?: number } | undefined)?.n;
        if (n === undefined) {
          for await (const part of request.parts()) {
            if (part.type === 'field') n = Number(part.value);
            else await part.toBuffer();
          }
        }
        return { kept: await work(n!, url()), traceId: getTrace()!.traceId };
      });
    });
    const url = () => app.url;
    await hammer(app.url, 1000, true);
    await app.close();
  });

  it.each(['express', 'fastify'] as const)('on Nest with %s', async (platform) => {
    class AppController {
      async work(request: { body: { n: number } }) {
        return { kept: await work(request.body.n, plainUrl), traceId: getTrace()!.traceId };
      }
    }
    Controller()(AppController);
    Post('work')(
      AppController.prototype,
      'work',
      Object.getOwnPropertyDescriptor(AppController.prototype, 'work')!,
    );
    Req()(AppController.prototype, 'work', 0);
    class AppModule {}
    Module({ imports: [TraceModule.forRoot(options)], controllers: [AppController] })(AppModule);
    const plain = await startFastify((app) => app.get('/plain', () => 'ok'));
    const plainUrl = plain.url;
    const app = await startNest(AppModule, platform);
    await hammer(app.url, 1000, false);
    await app.close();
    await plain.close();
  });
});

describe('a server of plain Node', () => {
  it('needs nothing but runWithTrace', async () => {
    const { createServer } = await import('node:http');
    const server = createServer((request, response) => {
      runWithTrace(request.headers, () => setTimeout(() => response.end(getTrace()!.traceId), 1));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const answer = await fetch(`http://127.0.0.1:${port}`, { headers: { traceparent } });
    await expect(answer.text()).resolves.toBe('0af7651916cd43dd8448eb211c80319c');
    server.close();
  });
});
