import fastify from 'fastify';
import { startFastify } from 'kit-tooling/apps';
import { once } from 'node:events';
import { createServer } from 'node:http';
import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { metricsPlugin } from '../src/fastify.js';
import { newMetrics, textOf, valueOf } from './clients.js';

describe('metricsPlugin', () => {
  it('measures routes declared before it and after it, and in other plugins, awaited or not', async () => {
    const metrics = newMetrics();
    const app = await startFastify((fastify) => {
      fastify.get('/before/:id', async () => 'x');
      void fastify.register(metricsPlugin, { metrics, cacheMs: 0 });
      fastify.get('/after/:id', async () => 'x');
      void fastify.register(async (inner) => void inner.get('/inner/:id', async () => 'x'), { prefix: '/p' });
    });
    for (const path of ['/before/1', '/after/1', '/p/inner/1']) await (await fetch(app.url + path)).text();
    const text = await (await fetch(`${app.url}/metrics`)).text();
    for (const route of ['/before/:id', '/after/:id', '/p/inner/:id']) {
      expect(valueOf(text, 'http_requests_total', { route })).toBe(1);
    }
    await app.close();
  });

  it('counts a request once when a scope registers it again', async () => {
    const metrics = newMetrics();
    const app = await startFastify(async (fastify) => {
      await fastify.register(metricsPlugin, { metrics, cacheMs: 0 });
      await fastify.register(
        async (scope) => {
          await scope.register(metricsPlugin, { metrics });
          scope.get('/things', async () => 'x');
        },
        { prefix: '/scope' },
      );
    });
    await (await fetch(`${app.url}/scope/things`)).text();
    const text = await (await fetch(`${app.url}/metrics`)).text();
    expect(valueOf(text, 'http_requests_total', { route: '/scope/things' })).toBe(1);
    expect(valueOf(text, 'http_requests_in_flight')).toBe(1);
    await app.close();
  });

  it('measures HTTP/2, and serves the page over it', async () => {
    const metrics = newMetrics();
    const app = fastify({ http2: true });
    await app.register(metricsPlugin, { metrics, cacheMs: 0 });
    app.get('/users/:id', async () => ({ ok: true }));
    const session = http2.connect(await app.listen({ port: 0, host: '127.0.0.1' }));
    const get = async (path: string) => {
      const stream = session.request({ ':path': path });
      return (await stream.setEncoding('utf8').toArray()).join('');
    };
    await get('/users/1');
    const page = await get('/metrics');
    expect(valueOf(page, 'http_requests_total', { route: '/users/:id', status_code: '200' })).toBe(1);
    expect(valueOf(page, 'http_response_size_bytes_sum', { route: '/users/:id' })).toBe(11);
    session.destroy();
    await app.close();
  });

  it('ends no process over a route that is no text', async () => {
    const metrics = newMetrics();
    const server = createServer((req, res) => {
      metrics.trackHttp(req, res, () => ({}) as never);
      res.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect((await fetch(`http://127.0.0.1:${port}`)).status).toBe(200);
    await expect.poll(async () => valueOf(await textOf(metrics), 'http_requests_in_flight')).toBe(0);
    server.closeAllConnections();
    server.close();
  });

  it('counts the bytes of a stream that has no Content-Length', async () => {
    const metrics = newMetrics();
    const app = await startFastify(async (fastify) => {
      await fastify.register(metricsPlugin, { metrics, cacheMs: 0 });
      fastify.get('/stream', (_request, reply) => {
        reply.hijack();
        reply.raw.write('x'.repeat(5_000));
        reply.raw.end('y'.repeat(5_000));
      });
    });
    await (await fetch(`${app.url}/stream`)).text();
    const text = await (await fetch(`${app.url}/metrics`)).text();
    const sum = valueOf(text, 'http_response_size_bytes_sum', { route: '/stream' })!;
    expect(sum).toBeGreaterThan(9_999);
    expect(sum).toBeLessThan(11_000);
    await app.close();
  });
});
