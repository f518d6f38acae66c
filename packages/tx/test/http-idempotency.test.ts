import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  HttpException,
  Module,
  Post,
  Req,
  Res,
} from '@nestjs/common';
import express from 'express';
import { startExpress, startFastify, startNest } from 'kit-tooling/apps';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { idempotencyMiddleware } from '../src/express.js';
import { idempotencyPlugin } from '../src/fastify.js';
import type { HttpIdempotencyOptions } from '../src/index.js';
import { IdempotencyModule } from '../src/nest.js';
import { type Database, openDatabase } from './durable-setup.js';

/** What the services of all frameworks do. */
interface Shop {
  pay(body: { amount: number }): Promise<{ status: number; body: unknown }>;
}

type Start = (
  shop: Shop,
  options: HttpIdempotencyOptions<any>,
) => Promise<{ url: string; close(): Promise<void> }>;

const frameworks: Record<string, Start> = {
  express: (shop, options) =>
    startExpress((app) => {
      app.use(express.json());
      app.use(idempotencyMiddleware(options));
      app.post('/payments', async (request, response) => {
        const { status, body } = await shop.pay(request.body);
        response.location('/payments/1').status(status).json(body);
      });
      app.post('/refunds', (_request, response) => void response.status(201).json({ refund: true }));
      app.get('/payments', (_request, response) => void response.json([]));
    }),
  fastify: (shop, options) =>
    startFastify(async (app) => {
      await app.register(idempotencyPlugin, options);
      app.post('/payments', async (request, reply) => {
        const { status, body } = await shop.pay(request.body as { amount: number });
        return reply.header('location', '/payments/1').code(status).send(body);
      });
      app.post('/refunds', (_request, reply) => reply.code(201).send({ refund: true }));
      app.get('/payments', async () => []);
    }),
  'nest on express': nest('express'),
  'nest on fastify': nest('fastify'),
};

function nest(platform: 'express' | 'fastify'): Start {
  return (shop, options) => {
    @Controller()
    class ShopController {
      @Post('/payments')
      async pay(
        @Body() body: { amount: number },
        @Res({ passthrough: true }) response: {
          status(code: number): void;
          header(name: string, value: string): void;
        },
      ) {
        const answer = await shop.pay(body);
        if (answer.status >= 500) throw new HttpException('broken', answer.status);
        response.status(answer.status);
        response.header('location', '/payments/1');
        return answer.body;
      }
      @Post('/refunds')
      @HttpCode(201)
      refund() {
        return { refund: true };
      }
      @Get('/payments')
      @Header('x-any', 'y')
      list(@Req() _request: unknown) {
        return [];
      }
    }
    @Module({ imports: [IdempotencyModule.forRoot(options)], controllers: [ShopController] })
    class AppModule {}
    return startNest(AppModule, platform);
  };
}

describe.each(Object.entries(frameworks))('idempotency keys on %s', (_name, start) => {
  let database: Database;
  let close = async () => {};
  beforeAll(async () => {
    database = await openDatabase('sqlite');
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());
  afterEach(() => close());

  async function serve(pay: Shop['pay'], options: HttpIdempotencyOptions<any> = {}) {
    const app = await start({ pay }, { tm: database.tm, ...options });
    close = app.close;
    return async (body: unknown, key?: string, path = '/payments') => {
      const response = await fetch(app.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(key !== undefined && { 'idempotency-key': key }) },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      return {
        status: response.status,
        // Express's own error page is HTML.
        body: text.startsWith('{') ? JSON.parse(text) : text,
        replayed: response.headers.get('idempotency-replayed'),
        type: response.headers.get('content-type')?.split(';')[0],
        location: response.headers.get('location'),
      };
    };
  }

  const counting = () => {
    let calls = 0;
    return async () => ({ status: 201, body: { id: (calls += 1), note: 'grün' } });
  };

  it('answers the same key and body with the stored response', async () => {
    const post = await serve(counting());
    const first = {
      status: 201,
      body: { id: 1, note: 'grün' },
      type: 'application/json',
      location: '/payments/1',
    };
    expect(await post({ amount: 1 }, 'k')).toEqual({ ...first, replayed: null });
    expect(await post({ amount: 1 }, 'k')).toEqual({ ...first, replayed: 'true' });
    expect(await post({ amount: 1 }, 'other')).toMatchObject({ body: { id: 2 }, replayed: null });
    expect(await post({ amount: 1 })).toMatchObject({ body: { id: 3 } });
    expect(await post({ amount: 1 })).toMatchObject({ body: { id: 4 } });
  });

  it('answers 422 to the same key with another body or another path', async () => {
    const post = await serve(counting());
    await post({ amount: 1 }, 'k');
    expect(await post({ amount: 2 }, 'k')).toMatchObject({ status: 422 });
    expect(await post({ amount: 1 }, 'k', '/refunds')).toMatchObject({ status: 422 });
    expect(await post({ amount: 1 }, 'k')).toMatchObject({ status: 201, replayed: 'true' });
  });

  it('answers 409 while the first request runs', async () => {
    let finish = () => {};
    let entered = () => {};
    const inside = new Promise<void>((resolve) => (entered = resolve));
    const post = await serve(async () => {
      entered();
      await new Promise<void>((resolve) => (finish = resolve));
      return { status: 201, body: { id: 1 } };
    });
    const first = post({ amount: 1 }, 'k');
    await inside;
    expect(await post({ amount: 1 }, 'k')).toMatchObject({ status: 409 });
    finish();
    expect(await first).toMatchObject({ status: 201 });
    expect(await post({ amount: 1 }, 'k')).toMatchObject({ status: 201, replayed: 'true' });
  });

  it('keeps a refusal, but not a server error: that may be tried again', async () => {
    const answers = [
      { status: 500, body: {} },
      { status: 402, body: { declined: true } },
      { status: 201, body: {} },
    ];
    const post = await serve(async () => answers.shift()!);
    expect(await post({ amount: 1 }, 'k')).toMatchObject({ status: 500 });
    expect(await post({ amount: 1 }, 'k')).toMatchObject({ status: 402, replayed: null });
    expect(await post({ amount: 1 }, 'k')).toMatchObject({
      status: 402,
      body: { declined: true },
      replayed: 'true',
    });
  });

  it('keeps the keys of two tenants apart', async () => {
    const tenants = ['a', 'b'];
    const post = await serve(counting(), { scope: () => tenants.shift()! });
    expect(await post({ amount: 1 }, 'k')).toMatchObject({ body: { id: 1 } });
    expect(await post({ amount: 1 }, 'k')).toMatchObject({ body: { id: 2 }, replayed: null });
  });

  it('answers 400 to a key that is too long, and to a missing one where it is required', async () => {
    const post = await serve(counting(), { required: true });
    expect(await post({ amount: 1 })).toMatchObject({ status: 400 });
    expect(await post({ amount: 1 }, 'k'.repeat(256))).toMatchObject({ status: 400 });
  });

  it('does not keep a body beyond maxBytes', async () => {
    const post = await serve(counting(), { maxBytes: 5 });
    await post({ amount: 1 }, 'k');
    expect(await post({ amount: 1 }, 'k')).toMatchObject({ body: { id: 2 }, replayed: null });
  });

  it('sends the response also when it cannot be kept', async () => {
    const errors: unknown[] = [];
    const post = await serve(
      async () => {
        await database.knex('kit_idempotency').update({ token: 'somebody else' });
        return { status: 201, body: { id: 1 } };
      },
      { onError: (error) => errors.push(error) },
    );
    expect(await post({ amount: 1 }, 'k')).toMatchObject({ status: 201, body: { id: 1 } });
    expect(errors).toMatchObject([{ code: 'KIT_TX_LEASE_LOST' }]);
  });
});

it('refuses to be made without a database', () => {
  expect(() => idempotencyMiddleware({})).toThrow('idempotency or tm must be given, got neither');
});
