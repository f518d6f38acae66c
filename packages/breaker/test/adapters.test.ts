import 'reflect-metadata';
import { Controller, Get, Inject, Injectable } from '@nestjs/common';
import type { ErrorRequestHandler } from 'express';
import { startExpress, startFastify, startNest } from 'kit-tooling/apps';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { breakerErrors, breakerRoutes } from '../src/express.js';
import { breakerPlugin } from '../src/fastify.js';
import { BreakerModule, BREAKERS, UseBreaker } from '../src/nest.js';
import {
  BulkheadFullError,
  createBreakerRegistry,
  type BreakerRegistry,
  TimeoutError,
  type BreakerHostOptions,
} from '../src/index.js';

const TOKEN = 'let-me-in';
interface AnyRequest {
  headers: Record<string, unknown>;
}
const authorize = (request: unknown) => (request as AnyRequest).headers['x-admin-token'] === TOKEN;

interface Running {
  url: string;
  close(): Promise<void>;
}
type Start = (options: BreakerHostOptions<never> & { breakers: BreakerRegistry }) => Promise<Running>;

const throwing = {
  '/call': (breakers: BreakerRegistry) => breakers.get('order-service').run(() => ({ ok: true })),
  '/full': () => Promise.reject(new BulkheadFullError('x', 'queue-full', '1 running')),
  '/slow': () => Promise.reject(new TimeoutError('order-service', 50)),
  '/other': () => Promise.reject(new Error('secret detail')),
};

@Injectable()
class Orders {
  readonly greeting = 'ordered';

  @UseBreaker('order-service')
  async place(what: string): Promise<string> {
    if (what === 'nothing') throw new Error('nothing to order');
    return `${this.greeting} ${what}`;
  }
}

@Controller()
class Calls {
  constructor(
    @Inject(BREAKERS) private readonly breakers: BreakerRegistry,
    @Inject(Orders) private readonly orders: Orders,
  ) {}

  @Get('call')
  call() {
    return throwing['/call'](this.breakers);
  }

  @Get('full')
  full() {
    return throwing['/full']();
  }

  @Get('slow')
  slow() {
    return throwing['/slow']();
  }

  @Get('other')
  other() {
    return throwing['/other']();
  }

  @UseBreaker('order-service')
  @Get('order')
  async order() {
    return { text: await this.orders.place('tea') };
  }

  @Get('fail')
  fail() {
    return this.orders.place('nothing');
  }
}

const nest =
  (platform: 'express' | 'fastify'): Start =>
  (options) =>
    startNest(
      {
        module: class App {},
        imports: [BreakerModule.forRootAsync({ useFactory: async () => options as never })],
        controllers: [Calls],
        providers: [Orders],
      },
      platform,
    );

const frameworks: Record<string, Start> = {
  express: (options) =>
    startExpress((app) => {
      for (const [path, run] of Object.entries(throwing))
        app.get(path, (_req, res, next) => void run(options.breakers).then((body) => res.json(body), next));
      app.use(options.authorize ? breakerRoutes(options as never) : breakerErrors());
    }),
  fastify: (options) =>
    startFastify(async (app) => {
      await app.register(breakerPlugin, options as never);
      for (const [path, run] of Object.entries(throwing)) app.get(path, () => run(app.breakers));
    }),
  'nest on express': nest('express'),
  'nest on fastify': nest('fastify'),
};

describe.each(Object.entries(frameworks))('the adapter for %s', (_, start) => {
  let app: Running;
  const breakers = createBreakerRegistry();
  const call = (path: string, init: RequestInit = {}) => fetch(app.url + path, init);
  const admin = { headers: { 'x-admin-token': TOKEN } };
  const orders = breakers.get('order-service');

  beforeAll(async () => {
    app = await start({ breakers, authorize });
  });
  afterAll(() => app.close());

  it('answers 503 with Retry-After while the breaker is open, and names no partner', async () => {
    orders.isolate();
    const response = await call('/call');
    orders.reset();
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '30']);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const body = await response.text();
    expect(JSON.parse(body)).toMatchObject({ status: 503, code: 'KIT_BREAKER_OPEN' });
    expect(body).not.toContain('order-service');
    expect(await (await call('/call')).json()).toEqual({ ok: true });
  });

  it('answers 503 for a full bulkhead, 504 for a timeout, and leaves other errors alone', async () => {
    const full = await call('/full');
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await call('/slow')).status).toBe(504);
    expect((await call('/other')).status).toBe(500);
  });

  it('lists, isolates and resets for whom authorize allows', async () => {
    const list = await call('/admin/breakers', admin);
    expect(await list.json()).toMatchObject({ breakers: [{ name: 'order-service', state: 'closed' }] });
    const isolated = await call('/admin/breakers/order-service/isolate', { ...admin, method: 'POST' });
    expect(await isolated.json()).toMatchObject({ state: 'open', isolated: true });
    expect(orders.isolated).toBe(true);
    const reset = await call('/admin/breakers/order-service/reset', { ...admin, method: 'POST' });
    expect(await reset.json()).toMatchObject({ state: 'closed', isolated: false });
  });

  it('answers 404 for what it does not know', async () => {
    for (const path of ['nobody/reset', 'order-service/explode'])
      expect((await call(`/admin/breakers/${path}`, { ...admin, method: 'POST' })).status).toBe(404);
    expect(breakers.find('nobody')).toBeUndefined();
  });

  it('refuses everybody else', async () => {
    for (const [path, method] of [
      ['/admin/breakers', 'GET'],
      ['/admin/breakers/order-service/isolate', 'POST'],
    ] as const) {
      expect((await call(path, { method })).status).toBe(403);
      expect((await call(path, { method, headers: { 'x-admin-token': 'wrong' } })).status).toBe(403);
    }
    expect(orders.isolated).toBe(false);
  });

  it('has no admin route without authorize', async () => {
    const open = await start({ breakers });
    const response = await fetch(`${open.url}/admin/breakers`);
    await open.close();
    expect(response.status).toBe(404);
  });
});

describe.each(['express', 'fastify'] as const)('@UseBreaker on %s', (platform) => {
  it('guards a method, keeps its this, its arguments and its route', async () => {
    const breakers = createBreakerRegistry({ defaults: { minimumCalls: 3, failureRatio: 1 } });
    const app = await nest(platform)({ breakers });
    expect(await (await fetch(`${app.url}/order`)).json()).toEqual({ text: 'ordered tea' });
    expect(breakers.get('order-service').counts.successes).toBe(2);
    breakers.get('order-service').reset();
    for (let i = 0; i < 3; i++) expect((await fetch(`${app.url}/fail`)).status).toBe(500);
    expect((await fetch(`${app.url}/fail`)).status).toBe(503);
    await app.close();
  });
});

describe('the adapters', () => {
  it('refuse to mount an admin route without authorize', async () => {
    const breakers = createBreakerRegistry();
    expect(() => breakerRoutes({ breakers } as never)).toThrow('authorize must be a function, got undefined');
    const fastify = startFastify(async (app) => {
      await app.register(breakerPlugin, { breakers, path: '/breakers' });
    });
    await expect(fastify).rejects.toThrow('authorize must be a function when path is given');
    const module = BreakerModule.forRoot({ breakers, path: '/breakers' });
    await expect(startNest({ ...module })).rejects.toThrow('authorize must be a function when path is given');
  });

  it('mount the admin route where path says, the root and a last slash included', async () => {
    const breakers = createBreakerRegistry();
    breakers.get('x');
    const isolate = { method: 'POST', headers: { 'x-admin-token': TOKEN } };
    const express = await startExpress((app) => {
      app.use('/ops', breakerRoutes({ breakers, authorize, path: '/' }));
    });
    expect((await fetch(`${express.url}/ops`, { headers: isolate.headers })).status).toBe(200);
    expect((await fetch(`${express.url}/ops/x/isolate`, isolate)).status).toBe(200);
    await express.close();
    for (const start of [frameworks['fastify']!, nest('express'), nest('fastify')]) {
      const app = await start({ breakers, authorize, path: '/ops/' });
      expect((await fetch(`${app.url}/ops`, { headers: isolate.headers })).status).toBe(200);
      expect((await fetch(`${app.url}/ops/x/reset`, isolate)).status).toBe(200);
      await app.close();
    }
  });

  it('leave the errors to a later handler when told to', async () => {
    const breakers = createBreakerRegistry();
    breakers.get('x').isolate();
    const app = await startExpress((app) => {
      app.get('/', () => breakers.get('x').run(() => 1));
      app.use(breakerRoutes({ breakers, authorize: () => true, answerErrors: false }));
      app.use(((error, _req, res, _next) => void res.status(418).send(error.code)) as ErrorRequestHandler);
    });
    const response = await fetch(app.url);
    expect([response.status, await response.text()]).toEqual([418, 'KIT_BREAKER_OPEN']);
    expect((await fetch(`${app.url}/admin/breakers`)).status).toBe(200);
    await app.close();
  });

  it('refuse what is no registry, and a breaker without a name', async () => {
    const fastify = startFastify(async (app) => {
      await app.register(breakerPlugin, { breakers: [] as never });
    });
    const message = 'breakers must be a registry such as createBreakerRegistry(), got';
    await expect(fastify).rejects.toThrow(`${message} an array`);
    await expect(startNest(BreakerModule.forRoot({ breakers: 5 as never }))).rejects.toThrow(`${message} 5`);
    const descriptor = { value: () => 1 };
    expect(() => UseBreaker('')({}, 'x', descriptor as never)).toThrow('name must be a non-empty string');
  });

  it('take an authorize that throws or answers anything but true for a no', async () => {
    for (const authorize of [
      () => 'yes' as never,
      () => Promise.reject(new Error('bug')),
      async () => false,
    ]) {
      const app = await startFastify(async (app) => {
        await app.register(breakerPlugin, { authorize, path: '/b' });
      });
      expect((await fetch(`${app.url}/b`)).status).toBe(403);
      await app.close();
    }
  });

  it('make a registry when there is none', async () => {
    const app = await startFastify(async (app) => {
      await app.register(breakerPlugin, { defaults: { minimumCalls: 1 } });
      await app.breakers
        .get('x')
        .run(() => Promise.reject(new Error('down')))
        .catch(() => {});
      app.get('/', () => app.breakers.get('x').state);
    });
    expect(await (await fetch(app.url)).text()).toBe('open');
    await app.close();
  });

  it('leave all errors alone when told to', async () => {
    const app = await startFastify(async (app) => {
      app.setErrorHandler((error, _, reply) => reply.code(418).send((error as { code: string }).code));
      await app.register(breakerPlugin, { answerErrors: false });
      app.breakers.get('x').isolate();
      app.get('/', () => app.breakers.get('x').run(() => 1));
    });
    const response = await fetch(app.url);
    expect([response.status, await response.text()]).toEqual([418, 'KIT_BREAKER_OPEN']);
    await app.close();
  });

  it('leave the errors of an earlier error handler to it', async () => {
    const app = await startFastify(async (app) => {
      app.setErrorHandler((_, __, reply) => reply.code(418).send('mine'));
      await app.register(breakerPlugin, {});
      app.get('/', () => Promise.reject(new Error('other')));
    });
    expect((await fetch(app.url)).status).toBe(418);
    await app.close();
  });
});
