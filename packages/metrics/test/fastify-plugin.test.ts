import { startFastify } from 'kit-tooling/apps';
import { describe, expect, it } from 'vitest';
import { metricsPlugin } from '../src/fastify.js';
import { newMetrics, valueOf } from './clients.js';

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
