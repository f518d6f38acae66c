import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtempSync, readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import express from 'express';
import { startExpress } from 'kit-tooling/apps';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { traceMiddleware } from '../src/express.js';
import { createLogger, getTraceId, type TraceOptions } from '../src/index.js';
import { frameworks, type TestApp } from './apps.js';
import { recordLines, until, type LogLine } from './lines.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;

describe.each(frameworks)('the %s adapter', (_, start) => {
  let app: TestApp | undefined;
  let lines: LogLine[] = [];

  async function serve(options: TraceOptions<any> = {}): Promise<string> {
    const recorded = recordLines();
    lines = recorded.lines;
    app = await start({ logger: recorded.logger, ...options });
    return app.url;
  }
  const finished = async (): Promise<LogLine> => {
    await until(() => lines.some((line) => line.msg === 'request finished'));
    return lines.find((line) => line.msg === 'request finished')!;
  };

  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  it('runs the handler in a trace and sends its id', async () => {
    const url = await serve();
    const response = await fetch(`${url}/trace`);
    const trace = (await response.json()) as LogLine;
    expect(trace.id).toMatch(/^[0-9a-f]{8}$/);
    expect(trace).toMatchObject({ id: trace.traceId.slice(-8), kind: 'request' });
    expect(response.headers.get('x-trace-id')).toBe(trace.id);
    expect(response.headers.get('x-request-id')).toBe(trace.id);
  });

  it('runs middlewares and hooks in the trace', async () => {
    const url = await serve();
    const { headers } = await fetch(`${url}/trace`);
    expect(headers.get('x-seen-by-middleware')).toBe(headers.get('x-trace-id'));
  });

  it('keeps the trace behind a parsed JSON body', async () => {
    const url = await serve();
    const response = await fetch(`${url}/trace`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ big: 'x'.repeat(90_000) }),
    });
    const trace = (await response.json()) as LogLine;
    expect(trace.body.big).toHaveLength(90_000);
    expect(response.headers.get('x-trace-id')).toBe(trace.id);
  });

  it('enters one store once for a request', async () => {
    const url = await serve();
    const run = vi.spyOn(AsyncLocalStorage.prototype, 'run');
    await (
      await fetch(`${url}/trace`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      })
    ).text();
    const entered = run.mock.calls.filter(
      ([store]) => typeof (store as LogLine | undefined)?.traceId === 'string',
    );
    run.mockRestore();
    expect(entered).toHaveLength(1);
  });

  it('gives every request of a keep-alive connection a trace of its own', async () => {
    const url = await serve();
    const ids = new Set<string>();
    for (let i = 0; i < 5; i++) ids.add((await fetch(`${url}/trace`)).headers.get('x-trace-id')!);
    expect(ids.size).toBe(5);
  });

  it.each([
    ['a 404', '/nowhere', 404],
    ['an error', '/fail', 500],
    ['a malformed path', '/orders/%E0%A4%A', 400],
  ])('sends the headers on %s, too', async (_, path, status) => {
    const url = await serve();
    const response = await fetch(url + path);
    expect(response.status).toBe(status);
    expect(response.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{8}$/);
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f]{8}$/);
    expect(await finished()).toMatchObject({ status, id: response.headers.get('x-trace-id') });
  });

  it('writes the names of the headers as the page does, errors included', async () => {
    const url = await serve({ trustInbound: true });
    for (const path of ['/trace', '/nowhere', '/fail']) {
      const rawHeaders = await new Promise<string[]>((resolve) => {
        const headers = { 'x-trace-id': 'deadbeef', 'x-request-id': 'gateway-17' };
        httpRequest(url + path, { headers }, (response) => {
          response.resume().on('end', () => resolve(response.rawHeaders));
        }).end();
      });
      expect(rawHeaders[rawHeaders.indexOf('X-Trace-ID') + 1]).toBe('deadbeef');
      expect(rawHeaders[rawHeaders.indexOf('X-Request-ID') + 1]).toBe('gateway-17');
    }
  });

  it('sends the headers on a body that is refused', async () => {
    const url = await serve();
    const response = await fetch(`${url}/trace`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{ not json',
    });
    expect(response.status).toBe(400);
    expect(response.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{8}$/);
  });

  it('logs start and finish with the fields of a request log', async () => {
    const url = await serve();
    const response = await fetch(`${url}/orders/17?token=secret`);
    const body = await response.text();
    const line = await finished();
    const id = response.headers.get('x-trace-id');
    expect(lines[0]).toMatchObject({ msg: 'request started', method: 'GET', path: '/orders/17', id });
    expect(line).toMatchObject({
      level: 30,
      method: 'GET',
      path: '/orders/17',
      route: '/orders/:id',
      status: 200,
      bytes: body.length,
      id,
    });
    expect(line.durationMs).toBeGreaterThanOrEqual(0);
    expect(line.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(line.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(line).not.toHaveProperty('slow');
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  it('logs 4xx at warn and 5xx at error', async () => {
    const url = await serve();
    await fetch(`${url}/nowhere`);
    expect(await finished()).toMatchObject({ level: 40, status: 404 });
    lines.length = 0;
    await fetch(`${url}/fail`);
    expect(await finished()).toMatchObject({ level: 50, status: 500 });
  });

  it('counts the bytes of a streamed body', async () => {
    const url = await serve();
    await (await fetch(`${url}/stream`)).text();
    const { bytes } = await finished();
    expect(bytes).toBeGreaterThanOrEqual(2000);
    expect(bytes).toBeLessThan(2100);
  });

  it('logs an aborted request once, at warn', async () => {
    const url = await serve();
    await new Promise<void>((resolve) => {
      const request = httpRequest(`${url}/hang`, (response) => {
        response.once('data', () => request.destroy());
        response.on('error', () => {});
      });
      request.on('error', () => {});
      request.on('close', () => resolve());
      request.end();
    });
    await until(() => lines.some((line) => line.msg === 'request aborted'));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const ends = lines.filter((line) => line.msg !== 'request started');
    expect(ends).toHaveLength(1);
    expect(ends[0]).toMatchObject({ msg: 'request aborted', level: 40, path: '/hang' });
    expect(ends[0]!.id).toBe(lines[0]!.id);
  });

  it('marks slow requests', async () => {
    const url = await serve({ slowMs: 0 });
    await fetch(`${url}/trace`);
    expect(await finished()).toMatchObject({ slow: true });
  });

  it('does not log the start when told so', async () => {
    const url = await serve({ logStart: false });
    await fetch(`${url}/trace`);
    await finished();
    expect(lines.map((line) => line.msg)).toEqual(['request finished']);
  });

  it('leaves ignored requests out of the log, and traces them', async () => {
    const url = await serve({
      ignore: ['/trace', (req: { url?: string }) => req.url!.startsWith('/orders')],
    });
    const response = await fetch(`${url}/trace`);
    expect(response.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{8}$/);
    await fetch(`${url}/orders/1`);
    await fetch(`${url}/nowhere`);
    await finished();
    expect(new Set(lines.map((line) => line.path))).toEqual(new Set(['/nowhere']));
  });

  it('logs the user, and survives a callback that throws', async () => {
    let fails = false;
    const url = await serve({
      userId: (req: { headers: Record<string, string> }) => {
        if (fails) throw new Error('no user');
        return req.headers['x-user']!;
      },
    });
    await fetch(`${url}/trace`, { headers: { 'x-user': 'u-17' } });
    expect(await finished()).toMatchObject({ userId: 'u-17' });
    lines.length = 0;
    fails = true;
    await fetch(`${url}/trace`);
    expect(await finished()).not.toHaveProperty('userId');
  });

  it('survives a callback that rejects', async () => {
    const rejects = () => Promise.reject(new Error('no user')) as never;
    const url = await serve({ userId: rejects, ignore: [rejects], trustInbound: rejects });
    expect((await fetch(`${url}/trace`)).status).toBe(200);
    expect(await finished()).not.toHaveProperty('userId');
  });

  it('logs the same with a logger of createLogger as with one of the application', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'kit-requests-')), 'app.log');
    const logger = createLogger({ console: false, base: null, file: { path } });
    const ofOurs = () =>
      readFileSync(path, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as LogLine);
    const ask = async (url: string, read: () => LogLine[]) => {
      for (const target of ['/orders/17?token=secret', '/nowhere', '/fail'])
        await (await fetch(url + target, { headers: { 'x-request-id': 'gateway-17' } })).text();
      await until(() => read().length === 6);
      return read();
    };
    const userId = () => 'u-17';
    const options = { trustInbound: true, userId, slowMs: 0 };
    const theirs = await ask(await serve(options), () => lines);
    await app!.close();
    const ours = await ask(await serve({ ...options, logger }), ofOurs);
    const chance = ['time', 'pid', 'hostname', 'traceId', 'id', 'spanId', 'durationMs'];
    const withoutChance = (line: LogLine) =>
      Object.fromEntries(Object.entries(line).filter(([key]) => !chance.includes(key)));
    expect(ours.map(withoutChance)).toEqual(theirs.map(withoutChance));
    expect(ours.every((line) => line.id === line.traceId.slice(-8) && line.requestId === 'gateway-17')).toBe(
      true,
    );
    expect(ours.at(-1)).toMatchObject({ status: 500, userId: 'u-17', slow: true });
  });

  it('answers when the logger throws', async () => {
    const throwing = () => {
      throw new Error('no log');
    };
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const url = await serve({ logger: pino({}, { write: throwing }) });
    const response = await fetch(`${url}/trace`);
    expect(response.status).toBe(200);
    expect(response.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{8}$/);
    await until(() => warnings.mock.calls.length === 2);
    expect(warnings.mock.calls[0]![0]).toBe('the request log failed: Error: no log');
    warnings.mockRestore();
  });

  it('does not take over ids by default, and logs them as the client’s', async () => {
    const url = await serve();
    const response = await fetch(`${url}/trace`, { headers: { 'x-request-id': 'client-17', traceparent } });
    const trace = (await response.json()) as LogLine;
    expect(trace.traceId).not.toBe(traceId);
    expect(response.headers.get('x-request-id')).toBe(trace.id);
    expect(await finished()).toMatchObject({ clientRequestId: 'client-17' });
    expect(await finished()).not.toHaveProperty('requestId');
  });

  it.each([
    ['true', true],
    ['a CIDR range', ['127.0.0.0/8', '::1']],
    ['a predicate', (req: { headers: object }) => 'traceparent' in req.headers],
  ])('takes over ids when trusted by %s', async (_, trustInbound) => {
    const url = await serve({ trustInbound });
    const response = await fetch(`${url}/trace`, { headers: { 'x-request-id': 'gateway-17', traceparent } });
    expect(await response.json()).toMatchObject({ traceId, requestId: 'gateway-17' });
    expect(response.headers.get('x-trace-id')).toBe('1c80319c');
    expect(response.headers.get('x-request-id')).toBe('gateway-17');
    expect(await finished()).toMatchObject({ traceId, id: '1c80319c', requestId: 'gateway-17' });
  });

  it.each([
    ['another range', ['10.0.0.0/8']],
    [
      'a predicate that throws',
      () => {
        throw new Error('no');
      },
    ],
    ['a predicate that returns a promise', () => Promise.resolve(true) as never],
  ])('does not take over ids of %s', async (_, trustInbound) => {
    const url = await serve({ trustInbound });
    const response = await fetch(`${url}/trace`, { headers: { traceparent } });
    expect(((await response.json()) as LogLine).traceId).not.toBe(traceId);
  });

  it.each([
    [{ slowMs: -1 }, 'slowMs must be a number >= 0, got -1'],
    [{ logger: 'x' }, 'logger must be a pino logger, got x'],
    [
      { trustInbound: ['10.0.0.0/33'] },
      'trustInbound must hold IP addresses or CIDR ranges, got 10.0.0.0/33',
    ],
    [{ trustInbound: 'yes' }, 'trustInbound must be a boolean, a list of CIDR ranges or a function, got yes'],
    [{ ignore: '/health' }, 'ignore must be a list of paths and functions, got /health'],
    [{ logStart: 1 }, 'logStart must be a boolean, got 1'],
    [{ userId: 'u' }, 'userId must be a function, got u'],
  ])('refuses %j', async (options, message) => {
    await expect(start(options as never)).rejects.toThrow(message);
  });
});

describe('traceMiddleware, mounted on an app and on what is mounted in it', () => {
  it('makes one trace and one log of a request', async () => {
    const { logger, lines } = recordLines();
    const running = await startExpress((app) => {
      const inner = express();
      inner.use(traceMiddleware({ logger }));
      inner.get('/deep', (_request, response) => void response.send(getTraceId()));
      app.use(traceMiddleware({ logger }));
      app.use('/inner', inner);
    });
    try {
      const response = await fetch(`${running.url}/inner/deep`);
      expect(response.headers.get('x-trace-id')).toBe(await response.text());
      await until(() => lines.some((line) => line.msg === 'request finished'));
      expect(lines.map((line) => line.msg)).toEqual(['request started', 'request finished']);
      expect(lines[1]).toMatchObject({ path: '/inner/deep', id: response.headers.get('x-trace-id') });
    } finally {
      await running.close();
    }
  });
});
