import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startExpress, startFastify, startNest } from 'kit-tooling/apps';
import { afterEach, describe, expect, it } from 'vitest';
import { healthRoutes } from '../src/express.js';
import { healthPlugin } from '../src/fastify.js';
import { createHealth, type Health, healthHandler, type HealthOptions } from '../src/index.js';
import { HealthModule } from '../src/nest.js';
import { fakeCheck } from './fakes.js';

type Served = { url: string; close(): Promise<void> };

const adapters: Record<string, (health: Health) => Promise<Served>> = {
  'node:http': async (health) => {
    const answers = healthHandler({ health });
    const server = createServer((req, res) => {
      if (!answers(req, res)) res.writeHead(404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}`,
      close: () => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(() => resolve()));
      },
    };
  },
  express: (health) =>
    startExpress((app) => {
      app.use((_req, res, next) => {
        res.vary('Origin');
        next();
      });
      app.use(healthRoutes({ health }));
    }),
  fastify: (health) =>
    startFastify((app) => {
      app.addHook('onRequest', async (_request, reply) => void reply.header('vary', 'Origin'));
      return app.register(healthPlugin, { health });
    }),
  'nest on express': (health) =>
    startNest(
      { module: class AppModule {}, imports: [HealthModule.forRoot({ health })] },
      'express',
      (app) => void app.setGlobalPrefix('api'),
    ),
  'nest on fastify': (health) =>
    startNest(
      {
        module: class AppModule {},
        imports: [HealthModule.forRootAsync({ useFactory: async () => ({ health }) })],
      },
      'fastify',
      (app) => void app.setGlobalPrefix('api'),
    ),
};

describe.each(Object.entries(adapters))('the endpoints on %s', (name, serve) => {
  const open: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });

  const start = async (options: HealthOptions = {}) => {
    const health = createHealth({ ttlMs: 0, ...options });
    const served = await serve(health);
    open.push(served, health);
    return { health, url: served.url };
  };
  const statusOf = async (url: string, init?: RequestInit) => {
    const response = await fetch(url, init);
    await response.arrayBuffer();
    return response.status;
  };

  it('answers 200 while healthy or degraded and 503 while unhealthy on /health', async () => {
    const { health, url } = await start();
    const db = fakeCheck('db', { status: 'healthy', message: 'fine', metadata: { open: 2 } });
    health.add(db.check);
    const response = await fetch(`${url}/health`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const body = (await response.json()) as Record<string, unknown>;
    expect(Object.keys(body)).toEqual(['status', 'timestamp', 'duration', 'checks']);
    expect(body.status).toBe('healthy');
    expect(body.duration).toMatch(/^\d+ms$/);
    expect(new Date(body.timestamp as string).toISOString()).toBe(body.timestamp);
    expect(body.checks).toEqual([
      {
        name: 'db',
        status: 'healthy',
        message: 'fine',
        duration: expect.stringMatching(/^\d+ms$/),
        metadata: { open: 2 },
      },
    ]);
    db.answer = { status: 'degraded' };
    expect(await statusOf(`${url}/health`)).toBe(200);
    db.answer = { status: 'unhealthy' };
    expect(await statusOf(`${url}/health`)).toBe(503);
  });

  it('answers /health/live with 200 without a check, in shutdown too', async () => {
    const { health, url } = await start();
    const db = fakeCheck('db', { status: 'unhealthy' });
    health.add(db.check);
    expect(await statusOf(`${url}/health/live`)).toBe(200);
    health.beginShutdown();
    expect(await statusOf(`${url}/health/live`)).toBe(200);
    expect(db.calls).toBe(0);
  });

  it('answers /health/ready by the group ready, and 503 from the shutdown on', async () => {
    const { health, url } = await start();
    const db = fakeCheck('db');
    health.add(db.check);
    health.add(fakeCheck('mail', { status: 'unhealthy' }).check, { groups: ['partners'] });
    expect(await statusOf(`${url}/health/ready`)).toBe(200);
    db.answer = { status: 'degraded' };
    expect(await statusOf(`${url}/health/ready`)).toBe(503);
    db.answer = { status: 'healthy' };
    expect(await statusOf(`${url}/health/ready`)).toBe(200);
    health.beginShutdown();
    const response = await fetch(`${url}/health/ready`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      status: 'unhealthy',
      checks: [{ name: 'shutdown', status: 'unhealthy' }],
    });
  });

  it('latches /health/startup and is not ready before', async () => {
    const { health, url } = await start();
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = health.startup(() => promise);
    expect(await statusOf(`${url}/health/startup`)).toBe(503);
    expect(await statusOf(`${url}/health/ready`)).toBe(503);
    expect(await statusOf(`${url}/health/live`)).toBe(200);
    resolve();
    await done;
    expect(await statusOf(`${url}/health/startup`)).toBe(200);
    expect(await statusOf(`${url}/health/ready`)).toBe(200);
    health.beginShutdown();
    expect(await statusOf(`${url}/health/startup`)).toBe(200);
  });

  it('varies by Accept, and by what other middleware varies by', async () => {
    const { url } = await start();
    const varies = (await fetch(`${url}/health`)).headers.get('vary');
    expect(varies).toBe(['express', 'fastify'].includes(name) ? 'Origin, accept' : 'accept');
  });

  it('takes a query string, HEAD and OPTIONS, and refuses other methods', async () => {
    const { url } = await start();
    expect(await statusOf(`${url}/health?x=1`)).toBe(200);
    expect(await statusOf(`${url}/health/ready?a=b&c=/d`)).toBe(200);
    const head = await fetch(`${url}/health`, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
    expect(head.headers.get('cache-control')).toBe('no-store');
    const options = await fetch(`${url}/health`, { method: 'OPTIONS' });
    expect(options.status).toBe(204);
    expect(options.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const refused = await fetch(`${url}/health`, { method });
      expect(refused.status).toBe(405);
      expect(refused.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
    }
    const json = { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } };
    expect(await statusOf(`${url}/health/ready`, json)).toBe(405);
  });

  it('shows a browser a page without scripts, and escapes what checks say', async () => {
    const { health, url } = await start();
    health.add(fakeCheck('<b>db</b>', { status: 'degraded', message: '<script>alert(1)</script>' }).check);
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    const response = await fetch(`${url}/health`, { headers: { accept } });
    const page = await response.text();
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(page).toContain('&lt;b&gt;db&lt;/b&gt;');
    expect(page).not.toContain('<script');
    const json = await fetch(`${url}/health`, { headers: { accept: 'application/json, text/html;q=0.5' } });
    expect(json.headers.get('content-type')).toMatch(/^application\/json/);
    const ready = await fetch(`${url}/health/ready`, { headers: { accept: 'text/html' } });
    expect(ready.headers.get('content-type')).toMatch(/^application\/json/);
  });

  it('shows details to a direct loopback caller and only statuses to a forwarded one', async () => {
    const { health, url } = await start({ ttlMs: 60_000 });
    health.add(fakeCheck('db', { status: 'healthy', message: 'fine', metadata: { open: 2 } }).check);
    const inside = (await (await fetch(`${url}/health`)).json()) as { checks: unknown[] };
    expect(inside.checks[0]).toMatchObject({ message: 'fine', metadata: { open: 2 } });
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    const outside = (await (await fetch(`${url}/health`, { headers })).json()) as { checks: unknown[] };
    expect(outside.checks).toEqual([{ name: 'db', status: 'healthy' }]);
  });

  it('lives where basePath says, and leaves other routes alone', async () => {
    const { url } = await start({ basePath: '/internal/status' });
    expect(await statusOf(`${url}/internal/status/live`)).toBe(200);
    expect(await statusOf(`${url}/health`)).toBe(404);
    expect(await statusOf(`${url}/internal/status/other`)).toBe(404);
  });

  it('survives a caller that leaves before the answer', async () => {
    const { health, url } = await start();
    const { promise, resolve } = Promise.withResolvers<void>();
    health.add({
      name: 'slow',
      check: async () => {
        await promise;
        return { status: 'healthy' };
      },
    });
    const call = request(`${url}/health`).on('error', () => {});
    call.end();
    await new Promise((done) => setTimeout(done, 100));
    call.destroy();
    resolve();
    expect(await statusOf(`${url}/health`)).toBe(200);
  });
});
