import 'reflect-metadata';
import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Get, HttpException, Param, type Type } from '@nestjs/common';
import express4 from 'express-4';
import express, { type Express, Router } from 'express';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startExpress, startFastify, startNest } from 'kit-tooling/apps';
import { afterEach, describe, expect, it } from 'vitest';
import { metricsHandler, metricsMiddleware } from '../src/express.js';
import { metricsPlugin } from '../src/fastify.js';
import { MetricsModule } from '../src/nest.js';
import type { HandlerOptions, Metrics } from '../src/index.js';
import { newMetrics, parse, valueOf } from './clients.js';

interface Running {
  url: string;
  close(): Promise<void>;
}

type Start = (metrics: Metrics, options?: HandlerOptions & { path?: string }) => Promise<Running>;

// Every platform serves the same: nested routes with two parameters, one that fails, one that never answers.
const frameworks: Record<string, Start> = {
  'express 5': (metrics, options) => startExpress((app) => mountExpress(app, express, metrics, options)),
  'express 4': async (metrics, options) => {
    const app = express4() as unknown as Express;
    mountExpress(app, express4 as never, metrics, options);
    const server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      close: async () => {
        server.closeAllConnections();
        server.close();
      },
    };
  },
  fastify: (metrics, options) =>
    startFastify(async (app) => {
      await app.register(metricsPlugin, { metrics, cacheMs: 0, ...options });
      await app.register(
        async (users) => {
          await users.register(async (orders) => {
            orders.get('/orders/:oid', async () => ({ ok: true }));
          });
          users.get('/fails', async () => {
            throw new Error('no');
          });
          users.get('/hangs', () => new Promise(() => {}));
        },
        { prefix: '/users/:uid' },
      );
    }),
  'nest on express': (metrics, options) =>
    startNest(
      {
        module: class App {},
        imports: [MetricsModule.forRoot({ metrics, cacheMs: 0, ...options })],
        controllers: [users()],
      },
      'express',
    ),
  'nest on fastify': (metrics, options) =>
    startNest(
      {
        module: class App {},
        imports: [MetricsModule.forRoot({ metrics, cacheMs: 0, ...options })],
        controllers: [users()],
      },
      'fastify',
    ),
};

function mountExpress(
  app: Express,
  lib: { Router: typeof Router },
  metrics: Metrics,
  options: HandlerOptions & { path?: string } = {},
) {
  app.use(metricsMiddleware({ metrics }));
  app.get(options.path ?? '/metrics', metricsHandler({ metrics, cacheMs: 0, ...options }));
  const orders = lib.Router({ mergeParams: true });
  orders.get('/:oid', (_req, res) => void res.json({ ok: true }));
  const user = lib.Router({ mergeParams: true });
  user.use('/orders', orders);
  user.get('/fails', () => {
    throw new Error('no');
  });
  user.get('/hangs', () => {});
  app.use('/users/:uid', user);
  app.use(((_error, _req, res, _next) => void res.status(500).end()) as express.ErrorRequestHandler);
}

function users(): Type {
  class Users {
    order() {
      return { ok: true };
    }
    fails() {
      throw new HttpException('no', 500);
    }
    hangs() {
      return new Promise(() => {});
    }
  }
  const route = (name: 'order' | 'fails' | 'hangs', path: string) => {
    Get(path)(Users.prototype, name, Object.getOwnPropertyDescriptor(Users.prototype, name)!);
  };
  route('order', ':uid/orders/:oid');
  route('fails', ':uid/fails');
  route('hangs', ':uid/hangs');
  Param('uid')(Users.prototype, 'order', 0);
  Controller('users')(Users);
  return Users;
}

describe.each(Object.entries(frameworks))('the adapter of %s', (_name, start) => {
  let running: Running | undefined;
  afterEach(async () => {
    await running?.close();
    running = undefined;
  });

  const page = async () => (await fetch(`${running!.url}/metrics`)).text();

  it('labels nested routes with their template, whatever the ids', async () => {
    running = await start(newMetrics());
    for (const id of ['1', '2', 'users', 'orders', 'a%20b', '%C3%A9']) {
      await fetch(`${running.url}/users/${id}/orders/${id}`).then((response) => response.text());
    }
    const text = await page();
    const labels = { method: 'GET', route: '/users/:uid/orders/:oid', status_code: '200' };
    expect(valueOf(text, 'http_requests_total', labels)).toBe(6);
    expect(valueOf(text, 'http_request_duration_seconds_count', labels)).toBe(6);
    expect(valueOf(text, 'http_response_size_bytes_sum', labels)).toBe(6 * '{"ok":true}'.length);
    expect(
      new Set(
        parse(text)
          .filter((s) => s.name === 'http_requests_total')
          .map((s) => s.labels.route),
      ),
    ).toEqual(new Set(['/users/:uid/orders/:oid']));
  });

  it('calls what matched no route __unmatched__ and odd methods _OTHER', async () => {
    running = await start(newMetrics());
    for (const path of ['/wp-admin', '/users', '/users/7/secrets']) {
      expect((await fetch(running.url + path)).status).toBe(404);
    }
    await fetch(`${running.url}/x`, { method: 'PROPFIND' });
    const text = await page();
    expect(
      valueOf(text, 'http_requests_total', { route: '__unmatched__', method: 'GET', status_code: '404' }),
    ).toBe(3);
    expect(valueOf(text, 'http_requests_total', { method: '_OTHER' })).toBe(1);
    expect(text).not.toContain('wp-admin');
  });

  it('keeps the template when the handler throws', async () => {
    running = await start(newMetrics());
    expect((await fetch(`${running.url}/users/7/fails`)).status).toBe(500);
    expect(
      valueOf(await page(), 'http_requests_total', { route: '/users/:uid/fails', status_code: '500' }),
    ).toBe(1);
  });

  it('counts a client that left as 499 and forgets it in the gauge', async () => {
    running = await start(newMetrics());
    const leaving = request(`${running.url}/users/7/hangs`).on('error', () => {});
    leaving.end();
    // The scrape itself is in flight too.
    await expect.poll(async () => valueOf(await page(), 'http_requests_in_flight')).toBe(2);
    leaving.destroy();
    await expect
      .poll(async () =>
        valueOf(await page(), 'http_requests_total', { route: '/users/:uid/hangs', status_code: '499' }),
      )
      .toBe(1);
    expect(valueOf(await page(), 'http_requests_in_flight')).toBe(1);
  });

  it('serves the page where it is told, to whom it is told', async () => {
    const metrics = newMetrics();
    running = await start(metrics, {
      path: '/internal/metrics',
      authorize: (req) => req.headers.authorization === 'Bearer s3cret',
    });
    expect((await fetch(`${running.url}/metrics`)).status).toBe(404);
    const refused = await fetch(`${running.url}/internal/metrics`);
    expect(refused.status).toBe(403);
    expect(await refused.text()).not.toContain('http_');
    const allowed = await fetch(`${running.url}/internal/metrics`, {
      headers: { authorization: 'Bearer s3cret' },
    });
    expect(allowed.status).toBe(200);
    expect(allowed.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    await delay(0);
    expect(
      valueOf(await allowed.text(), 'http_requests_total', {
        route: '/internal/metrics',
        status_code: '403',
      }),
    ).toBe(1);
  });
});

describe.each(['express', 'fastify'] as const)('MetricsModule with a global prefix on %s', (platform) => {
  it('labels routes with the prefix and the catch-all 404 as __unmatched__', async () => {
    const metrics = newMetrics();
    const running = await startNest(
      {
        module: class App {},
        imports: [MetricsModule.forRootAsync({ useFactory: () => ({ metrics, cacheMs: 0 }) })],
        controllers: [users()],
      },
      platform,
      (app) => void app.setGlobalPrefix('api'),
    );
    try {
      await fetch(`${running.url}/api/users/1/orders/2`);
      expect((await fetch(`${running.url}/api/nothing/here`)).status).toBe(404);
      expect((await fetch(`${running.url}/nothing`)).status).toBe(404);
      const text = await (await fetch(`${running.url}/metrics`)).text();
      expect(valueOf(text, 'http_requests_total', { route: '/api/users/:uid/orders/:oid' })).toBe(1);
      expect(valueOf(text, 'http_requests_total', { route: '__unmatched__', status_code: '404' })).toBe(2);
    } finally {
      await running.close();
    }
  });
});
