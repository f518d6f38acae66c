import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { connect } from 'node:net';
import { request as httpRequest } from 'node:http';
import type { ArgumentsHost, ExceptionFilter, FactoryProvider } from '@nestjs/common';
import fastify from 'fastify';
import { startExpress, startNest } from 'kit-tooling/apps';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { recordChannels } from 'kit-tooling/channels';
import {
  type AppError,
  commonErrors,
  createErrorMonitor,
  createErrorResponder,
  type ErrorContext,
  type ProblemDetails,
} from '../src/index.js';
import { errorsMiddleware, notFoundMiddleware } from '../src/express.js';
import { errorsPlugin } from '../src/fastify.js';
import { ErrorsModule } from '../src/nest.js';
import { frameworks, type Service } from './support/frameworks.js';
import { secret, throwables } from './support/throwables.js';

const typeBaseUrl = 'https://docs.example/errors/';

describe.each(frameworks)('errors on %s', (_name, start) => {
  let service: Service;
  let thrown: () => unknown = () => new Error('x');
  const seen: { error: AppError; context: ErrorContext }[] = [];
  const lines: { fields: Record<string, unknown>; message: string }[] = [];
  const write = (fields: object, message: string) =>
    void lines.push({ fields: fields as Record<string, unknown>, message });
  const monitor = createErrorMonitor();

  beforeAll(async () => {
    service = await start({
      thrown: () => thrown(),
      typeBaseUrl,
      monitor,
      logger: { error: write, warn: write },
      onError: (error, context) => void seen.push({ error, context }),
      mappers: [
        (error) => (error === 'mine' ? commonErrors.BIZ_INSUFFICIENT_BALANCE() : undefined),
        (error) => {
          if (error === 'break the mapper') throw new Error('mapper broke');
          return undefined;
        },
      ],
    });
  });
  afterAll(() => service.close());
  afterEach(() => {
    seen.length = 0;
    lines.length = 0;
  });

  const get = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(service.url + path, init);
    const text = await response.text();
    return { response, text, body: (text ? JSON.parse(text) : {}) as ProblemDetails };
  };

  it.each(Object.keys(throwables))('shows nothing of %s', async (name) => {
    thrown = throwables[name]!;
    const { response, text, body } = await get('/throw/1');
    expect(text).not.toContain(secret);
    expect(JSON.stringify([...response.headers])).not.toContain(secret);
    expect(response.statusText).not.toContain(secret);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(body.status).toBe(response.status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(body.traceId).toMatch(/^[0-9a-f]{8}$/);
    expect(body.instance).toMatch(/^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(body.message).toBe(body.detail);
    expect(body).toMatchObject({ path: '/throw/1', method: 'GET', type: typeBaseUrl + body.code });
    expect(body).not.toHaveProperty('stack');
  });

  it.each([null, undefined])('answers a rejection with %s', async (nothing) => {
    thrown = () => nothing;
    const { response, body } = await get('/throw/1');
    // Express's own router makes an Error of it before any handler.
    expect(response.status).toBe(500);
    expect(body.code).toBe('SYS_INTERNAL_ERROR');
  });

  it('answers an AppError with its status, code, message, details and Retry-After', async () => {
    thrown = () => commonErrors.SYS_RATE_LIMITED({ limit: 5 }, { message: 'Slow down', retryAfterMs: 1_200 });
    const { response, body } = await get('/throw/1?token=abc');
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(body).toMatchObject({
      title: 'Too many requests',
      code: 'SYS_RATE_LIMITED',
      detail: 'Slow down',
      details: { limit: 5 },
      path: '/throw/1',
    });
  });

  it('answers an unknown path with RES_NOT_FOUND', async () => {
    const { response, body, text } = await get('/nowhere?password=x');
    expect(response.status).toBe(404);
    expect(body).toMatchObject({ code: 'RES_NOT_FOUND', status: 404, path: '/nowhere', detail: 'Not found' });
    expect(text).not.toContain('password');
    expect(seen[0]!.context.endpoint).toBe('GET __unmatched__');
  });

  it.each([
    ['a body that is not JSON', '{"a": hunter2', 'application/json', 400, 'VAL_INVALID_INPUT'],
    [
      'a body that is too large',
      JSON.stringify('x'.repeat(2_000_000)),
      'application/json',
      413,
      'VAL_TOO_LARGE',
    ],
  ])('answers %s', async (_case, body, type, status, code) => {
    const answer = await get('/echo', { method: 'POST', body, headers: { 'content-type': type } });
    expect(answer.response.status).toBe(status);
    expect(answer.body).toMatchObject({ code, status });
    expect(answer.text).not.toContain('hunter2');
  });

  it('answers HEAD with the headers alone', async () => {
    thrown = () => commonErrors.RES_CONFLICT();
    const { response, text } = await get('/throw/1', { method: 'HEAD' });
    expect(response.status).toBe(409);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(text).toBe('');
  });

  it('drops headers that described the representation which was not sent', async () => {
    thrown = () => commonErrors.RES_CONFLICT();
    const { response, body } = await get('/stale');
    expect(body.code).toBe('RES_CONFLICT');
    for (const header of ['etag', 'content-encoding', 'content-disposition']) {
      expect(response.headers.has(header)).toBe(false);
    }
  });

  it('cuts off a response that has begun, and counts the error', async () => {
    thrown = () => commonErrors.RES_CONFLICT();
    const before = monitor.snapshot().total;
    await expect(get('/half')).rejects.toThrow();
    await expect.poll(() => monitor.snapshot().total).toBe(before + 1);
    // The service lives on.
    expect((await get('/throw/1')).response.status).toBe(409);
  });

  it('survives a client that is gone', async () => {
    let arrived!: () => void;
    const arrival = new Promise<void>((resolve) => (arrived = resolve));
    thrown = () => {
      arrived();
      return commonErrors.RES_CONFLICT();
    };
    const client = httpRequest(`${service.url}/throw/1`).on('error', () => {});
    client.end();
    await arrival;
    client.destroy();
    await expect.poll(() => seen.length).toBeGreaterThan(0);
    expect((await get('/throw/1')).response.status).toBe(409);
  });

  it('gives the monitor and onError the endpoint as a template', async () => {
    thrown = () => commonErrors.RES_CONFLICT();
    await get('/throw/4711');
    expect(seen[0]!.context).toMatchObject({
      method: 'GET',
      path: '/throw/4711',
      endpoint: 'GET /throw/:id',
    });
    expect(monitor.snapshot().last.at(-1)).toMatchObject({
      code: 'RES_CONFLICT',
      endpoint: 'GET /throw/:id',
    });
  });

  it('logs the cause, masked, with the ids that the caller got', async () => {
    thrown = () =>
      new Error('cannot reach postgres://shop:hunter2@db/shop', { cause: new Error('token=hunter2') });
    const { body } = await get('/throw/1');
    const line = lines.find(({ fields }) => fields.id === body.traceId)!;
    expect(line.fields).toMatchObject({ code: 'SYS_INTERNAL_ERROR', status: 500, err: { type: 'Error' } });
    expect(JSON.stringify(line)).toContain('cannot reach postgres://***@db/shop');
    expect(JSON.stringify(line)).not.toContain('hunter2');
  });

  it('asks the mappers first and passes over one that throws', async () => {
    thrown = () => 'mine';
    expect((await get('/throw/1')).body.code).toBe('BIZ_INSUFFICIENT_BALANCE');
    thrown = () => 'break the mapper';
    expect((await get('/throw/1')).body.code).toBe('SYS_INTERNAL_ERROR');
    expect(lines.some(({ message }) => message === 'an error mapper threw')).toBe(true);
  });

  it('announces every error on kit:errors:raised', async () => {
    const recorder = recordChannels('kit:errors:raised');
    thrown = () => commonErrors.RES_CONFLICT();
    await get('/throw/1');
    recorder.stop();
    expect(recorder.events).toHaveLength(1);
    const { payload } = recorder.events[0]!;
    expect(payload).toEqual({
      code: 'RES_CONFLICT',
      status: 409,
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      endpoint: 'GET /throw/:id',
    });
    expect(Object.isFrozen(payload)).toBe(true);
  });

  it('answers garbage on the wire without dying', async () => {
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    socket.write('GET /throw/%E0%A4%A HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1.1 400/);
    socket.destroy();
  });
});

describe('errors of Fastify before any plugin', () => {
  it('are answered in our format by frameworkErrors, as the guide shows', async () => {
    const respond = createErrorResponder({ logger: false });
    const app = fastify({
      frameworkErrors: (error, { url, method }, reply) => {
        const { status, headers, body } = respond(error, { path: url, method });
        reply.hijack();
        reply.raw.writeHead(status, headers).end(body);
      },
    });
    await app.register(errorsPlugin);
    app.get('/x/:id', () => 'ok');
    const { statusCode, headers, body } = await app.inject('/x/%E0%A4%A');
    await app.close();
    expect(statusCode).toBe(400);
    expect(headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(body)).toMatchObject({ code: 'VAL_INVALID_INPUT', detail: 'The URL is malformed' });
  });

  it('refuses wrong options when the server gets ready', async () => {
    const app = fastify();
    app.register(errorsPlugin, { typeBaseUrl: '/errors' });
    await expect(app.ready()).rejects.toThrow(/typeBaseUrl must be an absolute URL/);
  });
});

describe('errors of Express that are no errors', () => {
  it('a synchronous throw of null runs into the 404, as the guide says', async () => {
    const service = await startExpress((app) => {
      app.get('/', () => {
        throw null;
      });
      app.use(notFoundMiddleware());
      app.use(errorsMiddleware({ logger: false }));
    });
    const response = await fetch(service.url);
    await service.close();
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      code: 'RES_NOT_FOUND',
      title: 'Not Found',
      type: 'about:blank',
    });
  });

  it('an error handler that is entered twice answers once and counts the same error once', async () => {
    const monitor = createErrorMonitor();
    const error = commonErrors.RES_CONFLICT();
    const service = await startExpress((app) => {
      const handler = errorsMiddleware({ logger: false, monitor });
      app.get('/', (request, response, next) => {
        for (const thrown of [error, error, commonErrors.RES_NOT_FOUND()]) {
          void handler(thrown, request, response, next);
        }
      });
    });
    const response = await fetch(service.url);
    await service.close();
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: 'RES_CONFLICT' });
    expect(monitor.snapshot().counts).toEqual({ RES_CONFLICT: 1, RES_NOT_FOUND: 1 });
  });

  it('does not send a status line that a handler filled with a message', async () => {
    const service = await startExpress((app) => {
      app.get('/', (_request, response) => {
        response.statusMessage = 'hunter2';
        throw new Error('x');
      });
      app.use(errorsMiddleware({ logger: false }));
    });
    const response = await fetch(service.url);
    await service.close();
    expect(response.statusText).toBe('Internal Server Error');
  });
});

describe('ErrorsModule', () => {
  it('takes its options from other providers with forRootAsync', async () => {
    const seen: string[] = [];
    const LOG = Symbol('log');
    const logs = { module: class Logs {}, providers: [{ provide: LOG, useValue: seen }], exports: [LOG] };
    const errors = ErrorsModule.forRootAsync({
      imports: [logs],
      inject: [LOG],
      useFactory: (log: string[]) => ({ logger: false, onError: ({ code }) => log.push(code) }),
    });
    const service = await startNest({ module: class App {}, imports: [errors] });
    await fetch(`${service.url}/nowhere`);
    await service.close();
    expect(seen).toEqual(['RES_NOT_FOUND']);
  });

  it('leaves contexts without a response to Nest', async () => {
    const { providers } = ErrorsModule.forRoot({ logger: false });
    const { useFactory } = providers![1] as FactoryProvider<ExceptionFilter>;
    const filter = await useFactory({ logger: false });
    const host = { getType: () => 'rpc' } as unknown as ArgumentsHost;
    const handle = filter.catch.bind(filter);
    expect(handle(new Error('x'), host)).toBeUndefined();
  });
});

describe.each(frameworks)('trace ids on %s', (_name, start) => {
  const port = Symbol.for('@kit/trace');
  const globals = globalThis as Record<symbol, unknown>;
  const storage = new AsyncLocalStorage<object>();
  const trace = { traceId: '0af7651916cd43dd8448eb2180319c1a', id: '80319c1a', requestId: 'order-7' };

  it('of the body are those of the request', async () => {
    globals[port] = { version: 1, getTrace: () => storage.getStore() };
    const service = await start({ logger: false, around: (work) => storage.run(trace, work) });
    try {
      for (const path of ['/throw/1', '/nowhere']) {
        const body: unknown = await (await fetch(service.url + path)).json();
        expect(body).toMatchObject({
          traceId: '80319c1a',
          requestId: 'order-7',
          instance: 'urn:uuid:0af76519-16cd-43dd-8448-eb2180319c1a',
        });
      }
    } finally {
      delete globals[port];
      await service.close();
    }
  });
});
