import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createHealth, healthHandler, httpCheck } from '../src/index.js';
import { contextOf } from './fakes.js';

describe('httpCheck', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });
  const serve = async (listener: RequestListener) => {
    const server = createServer(listener).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  };

  it('is healthy on 2xx, with the status code and the time in its metadata', async () => {
    let method: string | undefined;
    const { url } = await serve((req, res) => {
      method = req.method;
      res.writeHead(204).end();
    });
    expect(await httpCheck({ name: 'risk', url }).check(contextOf())).toEqual({
      status: 'healthy',
      metadata: { statusCode: 204, durationMs: expect.any(Number) },
    });
    expect(method).toBe('GET');
  });

  it('is unhealthy on 500, and on a redirect, which it does not follow', async () => {
    let followed = 0;
    const { url } = await serve((req, res) => {
      if (req.url === '/redirect') res.writeHead(302, { location: '/target' }).end();
      else if (req.url === '/target') {
        followed += 1;
        res.end();
      } else res.writeHead(500).end();
    });
    expect(await httpCheck({ name: 'risk', url: `${url}/redirect` }).check(contextOf())).toMatchObject({
      status: 'unhealthy',
      message: 'answered 302',
      metadata: { statusCode: 302 },
    });
    expect(followed).toBe(0);
    expect(await httpCheck({ name: 'risk', url }).check(contextOf())).toMatchObject({
      message: 'answered 500',
    });
  });

  it('gives up on one that hangs, and leaves no request behind', async () => {
    let arrived = 0;
    let gone = 0;
    const { url } = await serve((_req, res) => {
      arrived += 1;
      res.on('close', () => (gone += 1));
    });
    expect(await httpCheck({ name: 'risk', url, timeoutMs: 300 }).check(contextOf())).toMatchObject({
      status: 'unhealthy',
      message: 'timeout after 300 ms',
    });
    // On a slow machine the time may be over before the request arrives.
    await expect.poll(() => gone).toBe(arrived);
  });

  it('cancels an endless body instead of reading it', async () => {
    let written = 0;
    let isClosed = false;
    const { url } = await serve((_req, res) => {
      const timer = setInterval(() => (written += res.write('x'.repeat(1_000)) ? 1 : 0), 5);
      res.on('close', () => {
        isClosed = true;
        clearInterval(timer);
      });
      res.write('x');
    });
    const check = httpCheck({ name: 'risk', url, timeoutMs: 600_000 });
    expect(await check.check(contextOf())).toMatchObject({ status: 'healthy' });
    await expect.poll(() => isClosed).toBe(true);
    // Turns of the event loop, not time. Left alone, the body goes on until the garbage is collected.
    expect(written).toBeLessThan(500);
  });

  it('says only the code where nobody listens', async () => {
    const { server, url } = await serve(() => {});
    await new Promise((resolve) => server.close(resolve));
    const result = await httpCheck({ name: 'risk', url }).check(contextOf());
    expect(result).toMatchObject({ status: 'unhealthy', message: 'ECONNREFUSED' });
  });

  it('may take longer than the timeoutMs of the health when told so, and no longer than its own', async () => {
    const { url } = await serve((_req, res) => void setTimeout(() => res.end(), 150));
    const health = createHealth({ timeoutMs: 50 }).add(httpCheck({ name: 'risk', url, timeoutMs: 5_000 }));
    expect((await health.report()).status).toBe('healthy');
  });

  it('ends a loop of two services that check each other: both answer, neither waits', async () => {
    const requests = { a: 0, b: 0 };
    const services = await Promise.all(
      (['a', 'b'] as const).map(async (name) => {
        const health = createHealth({ ttlMs: 0, timeoutMs: 30_000 });
        const answers = healthHandler({ health });
        const { url } = await serve((req, res) => {
          requests[name] += 1;
          answers(req, res);
        });
        return { health, url };
      }),
    );
    const [a, b] = services as [(typeof services)[0], (typeof services)[0]];
    a.health.add(httpCheck({ name: 'b', url: `${b.url}/health` }));
    b.health.add(httpCheck({ name: 'a', url: `${a.url}/health/ready` }));
    const startedAt = performance.now();
    const response = await fetch(`${a.url}/health`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      status: 'healthy',
      checks: [{ name: 'b', status: 'healthy' }],
    });
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    expect(requests).toEqual({ a: 1, b: 1 });
  });

  it('sends x-kit-health-depth and the headers it was given', async () => {
    let headers: Record<string, unknown> = {};
    const { url } = await serve((req, res) => {
      headers = req.headers;
      res.end();
    });
    await httpCheck({ name: 'risk', url, headers: { authorization: 'Bearer x' } }).check(contextOf());
    expect(headers).toMatchObject({ 'x-kit-health-depth': '1', authorization: 'Bearer x' });
  });

  it.each([
    [{ name: '', url: 'http://a' }, 'name must be a non-empty string'],
    [{ name: 'x', url: '/health' }, 'url must be an absolute http or https URL, got "/health"'],
    [{ name: 'x', url: 'file:///etc/passwd' }, 'url must be an absolute http or https URL'],
    [{ name: 'x', url: 'http://user:pw@a' }, 'url must not carry credentials'],
    [{ name: 'x', url: 'http://a', timeoutMs: 0 }, 'timeoutMs must be > 0'],
  ])('rejects %o', (options, message) => {
    expect(() => httpCheck(options)).toThrow(message);
  });
});
