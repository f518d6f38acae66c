import express4 from 'express-4';
import express, { type Express } from 'express';
import { startExpress } from 'kit-tooling/apps';
import { afterEach, describe, expect, it } from 'vitest';
import { metricsHandler, metricsMiddleware } from '../src/express.js';
import type { HandlerOptions } from '../src/index.js';
import { newMetrics, valueOf } from './clients.js';

describe.each([
  ['express 5', express],
  ['express 4', express4],
])('the page of %s', (_version, lib) => {
  let close: (() => Promise<void>) | undefined;
  afterEach(async () => {
    await close?.();
    close = undefined;
  });

  const start = async (setUp: (app: Express) => void) => {
    const inner = lib();
    setUp(inner);
    // The outer app only listens; a mounted function is no sub-app.
    const running = await startExpress((app) => void app.use((req, res) => inner(req, res)));
    close = () => running.close();
    return (path: string, init?: RequestInit) => fetch(running.url + path, init);
  };
  const guarded = { authorize: () => false } satisfies HandlerOptions;

  it('is mounted by the middleware alone, for GET and HEAD, and counted under its path', async () => {
    const metrics = newMetrics();
    const get = await start((app) => app.use(metricsMiddleware({ metrics, cacheMs: 0 })));
    expect(await (await get('/metrics')).text()).toContain('http_requests_in_flight 1');
    expect((await get('/metrics', { method: 'HEAD' })).status).toBe(200);
    expect((await get('/metrics', { method: 'POST' })).status).toBe(404);
    expect((await get('/metricsx')).status).toBe(404);
    const text = await (await get('/metrics/?a=1')).text();
    expect(valueOf(text, 'http_requests_total', { route: '/metrics', method: 'GET' })).toBe(1);
  });

  it('stands where the middleware is told and shows nothing to whom it refuses', async () => {
    const metrics = newMetrics();
    const authorize = () => {
      throw new Error('no');
    };
    const get = await start((app) => app.use(metricsMiddleware({ metrics, path: '/internal', authorize })));
    expect((await get('/metrics')).status).toBe(404);
    const refused = await get('/internal');
    expect(refused.status).toBe(403);
    expect(await refused.text()).toBe('Forbidden\n');
  });

  it.each([
    ['a route', (app, handler) => app.get('/metrics', handler)],
    ['a mounted handler', (app, handler) => app.use('/metrics', handler)],
    ['a handler everywhere', (app, handler) => app.use(handler)],
    ['a route in a router', (app, handler) => app.use(lib.Router().get('/metrics', handler))],
    ['a handler behind another', (app, handler) => app.get('/metrics', (_q, _s, next) => next(), handler)],
  ] as [string, (app: Express, handler: express.RequestHandler) => unknown][])(
    'is left to %s that guards it',
    async (_name, mount) => {
      const metrics = newMetrics();
      const get = await start((app) => {
        app.use(metricsMiddleware({ metrics }));
        mount(app, metricsHandler({ metrics, ...guarded }));
        app.get('/other', (_req, res) => void res.send('other'));
      });
      expect((await get('/metrics')).status).toBe(403);
      expect(await (await get('/other')).text()).toBe('other');
    },
  );

  it('is left to a metricsHandler at another path and to a plain handler at this one', async () => {
    const metrics = newMetrics();
    const elsewhere = await start((app) => {
      app.use(metricsMiddleware({ metrics }));
      app.use('/internal', lib.Router().get('/metrics', metricsHandler({ metrics, cacheMs: 0 })));
    });
    expect((await elsewhere('/metrics')).status).toBe(404);
    expect((await elsewhere('/internal/metrics')).status).toBe(200);
    await close!();
    const handle = metrics.handler(guarded);
    const plain = await start((app) => {
      app.use(metricsMiddleware({ metrics }));
      app.get('/metrics', (req, res) => void handle(req, res));
    });
    expect((await plain('/metrics')).status).toBe(403);
  });

  it('is not left to routes that are for something else', async () => {
    const metrics = newMetrics();
    const get = await start((app) => {
      app.use(metricsMiddleware({ metrics }));
      app.use(
        '/api',
        lib.Router().get('/metrics', (_req, res) => void res.send('api')),
      );
      app.post('/metrics', (_req, res) => void res.send('posted'));
    });
    expect(await (await get('/metrics')).text()).toContain('http_requests_in_flight');
    expect(await (await get('/api/metrics')).text()).toBe('api');
    expect(await (await get('/metrics', { method: 'POST' })).text()).toBe('posted');
  });
});
