import { once } from 'node:events';
import { createServer } from 'node:http';
import { runChild } from 'kit-tooling/process';
import { freePort } from 'kit-tooling/servers';
import { Agent, fetch as undiciFetch } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createHttpClient,
  createRetryBudget,
  fullJitter,
  type HttpClientOptions,
  type HttpStatusError,
  isBreakerOpenError,
  isHttpStatusError,
  isResponseTooLargeError,
  isTimeoutError,
  runWithDeadline,
} from '../src/index.js';
import { type FaultServer, startFaultServer } from './fault-server.js';

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
beforeEach(() => server.hits.clear());
afterAll(() => server.close());

const backoff = fullJitter({ baseMs: 1, maxMs: 1 });
const client = (options: Partial<HttpClientOptions> = {}) =>
  createHttpClient({
    name: 'partner',
    baseUrl: server.url,
    breaker: { minimumCalls: 100 },
    retry: { backoff },
    ...options,
  });
const caught = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);
const hits = (path: string) => server.hits.get(path) ?? 0;

describe('createHttpClient, against a partner that fails', () => {
  it('gets through a short burst of 503', async () => {
    expect(await client().get('/burst/2/a').text()).toBe('ok');
    expect(hits('/burst/2/a')).toBe(3);
  });

  it('does not retry 501 nor 404, and takes 404 for a good partner', async () => {
    const partner = client();
    await caught(partner.get('/status/501'));
    await caught(partner.get('/status/404'));
    expect([hits('/status/501'), hits('/status/404')]).toEqual([1, 1]);
    expect(partner.breaker!.counts).toMatchObject({ successes: 2, failures: 0 });
  });

  it('does not retry a POST, unless it has a key or was never sent', async () => {
    await caught(client().post('/status/503', { json: {} }));
    expect(hits('/status/503')).toBe(1);
    await caught(client().post('/status/500', { json: {}, idempotencyKey: true }));
    expect(hits('/status/500')).toBe(3);
    expect(server.headers.get('/status/500')!['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);

    const closed = client({ baseUrl: `http://127.0.0.1:${await freePort()}` });
    expect(await caught(closed.post('/x', { json: {} }))).toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    expect(closed.breaker!.counts.failures).toBe(3);
  });

  it('does not retry what cannot be sent again', async () => {
    const body = new ReadableStream({
      start: (c) => (c.enqueue(new TextEncoder().encode('once')), c.close()),
    });
    await caught(client().request('/status/502', { method: 'PUT', body }));
    expect(hits('/status/502')).toBe(1);
  });

  it('gives up a partner that hangs before its headers', async () => {
    let sent = 0;
    const fetch: HttpClientOptions['fetch'] = (url, init) => ((sent += 1), globalThis.fetch(url, init));
    const partner = client({ fetch, timeout: { timeoutMs: 200 } });
    expect(isTimeoutError(await caught(partner.get('/hang')))).toBe(true);
    expect([sent, partner.breaker!.counts.failures]).toEqual([3, 3]);
  });

  it('retries what retryOn chooses, if it may be sent twice', async () => {
    const eager = client({ retry: { backoff, retryOn: () => true } });
    await caught(eager.get('/status/404'));
    await caught(eager.post('/status/409', { json: {} }));
    expect([hits('/status/404'), hits('/status/409')]).toEqual([3, 1]);
  });

  it('gives up one call in its own time where the client is more patient', async () => {
    const patient = client({ retry: { maxAttempts: 1 }, timeout: { timeoutMs: 60_000 } });
    expect(await caught(patient.get('/hang', { timeoutMs: 50 }))).toMatchObject({ timeoutMs: 50 });
  });

  it('gives up one call in its own time where the client has no timeout', async () => {
    const error = await caught(client({ retry: { maxAttempts: 1 } }).get('/hang', { timeoutMs: 50 }));
    expect(error).toMatchObject({ code: 'KIT_TIMEOUT', timeoutMs: 50 });
  });

  it('takes a stall in the body for a failure of the attempt, and tries again', async () => {
    const partner = client({ timeout: { timeoutMs: 1_000 } });
    expect(await partner.get('/stall-once/a').text()).toBe('ok');
    expect(partner.breaker!.counts.successes).toBe(1);
    expect(partner.breaker!.counts.failures).toBeGreaterThan(0);
    const impatient = client({ timeout: { timeoutMs: 300 } });
    expect(isTimeoutError(await caught(impatient.get('/drip').text()))).toBe(true);
  });

  it('takes a reset for a failure, and tries again', async () => {
    expect(await client().get('/reset-once/a').text()).toBe('ok');
    expect(await client().get('/break-once/a').text()).toBe('ok');
    await expect(client().get('/reset')).rejects.toThrow('fetch failed');
    expect(hits('/reset')).toBe(3);
  });

  it('does not follow a redirect loop twice', async () => {
    await expect(client().get('/loop')).rejects.toThrow('fetch failed');
    expect(hits('/loop')).toBeLessThanOrEqual(21);
  });

  it('waits as Retry-After says, as seconds and as date, and takes 429 for neutral', async () => {
    for (const form of ['1', 'date']) {
      const partner = client();
      const startedAt = performance.now();
      expect(await partner.get(`/retry-after/${form}`).text()).toBe('ok');
      expect(performance.now() - startedAt).toBeGreaterThan(900);
      expect(partner.breaker!.counts).toMatchObject({ ignored: 1, successes: 1, failures: 0 });
    }
  });

  it('gives up when Retry-After lies past the deadline', async () => {
    const startedAt = performance.now();
    const error = await runWithDeadline(20_000, () => caught(client().get('/retry-after/30')));
    expect(error).toMatchObject({ status: 429, retryAfterMs: 30_000 });
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });

  it('keeps the load on a dead partner within breaker and budget', async () => {
    const partner = client({ retry: { backoff, budget: createRetryBudget({ tokens: 25 }) } });
    for (let i = 0; i < 50; i++) await caught(partner.get('/status/599'));
    expect(hits('/status/599')).toBe(55);
    const guarded = client({ breaker: { minimumCalls: 5 } });
    for (let i = 0; i < 10; i++) await caught(guarded.get('/status/598'));
    expect(hits('/status/598')).toBe(5);
    expect(isBreakerOpenError(await caught(guarded.get('/status/598')))).toBe(true);
  });

  it('lets a caller hang up at once, and takes that for neutral', async () => {
    const partner = client();
    const caller = new AbortController();
    const run = caught(partner.get('/hang', { signal: caller.signal }));
    setTimeout(() => caller.abort(new Error('gone')), 50);
    expect(await run).toMatchObject({ message: 'gone' });
    await expect.poll(() => partner.breaker!.counts).toMatchObject({ failures: 0, ignored: 1 });
  });
});

describe('createHttpClient, bodies', () => {
  it('hands a large body over as a stream and leaves it alone while nobody reads it', async () => {
    const response = await client({ timeout: { timeoutMs: 2_500 } }).get('/big/4');
    await new Promise((resolve) => setTimeout(resolve, 2_800));
    expect((await response.arrayBuffer()).byteLength).toBe(4 * 1_048_576);
  });

  it('ends a stall in a streamed body', async () => {
    const response = await client({ timeout: { timeoutMs: 1_000 } }).get('/stall', { stream: true });
    expect(isTimeoutError(await caught(response.text()))).toBe(true);
  });

  it('refuses 100 MB with a limit, without reading them', async () => {
    const limited = client({ maxResponseBytes: 2_000_000 });
    const error = await caught(limited.get('/big/100').text());
    expect(isResponseTooLargeError(error)).toBe(true);
    const small = client({ maxResponseBytes: 10 });
    expect(isResponseTooLargeError(await caught(small.get('/stall')))).toBe(true);
    expect(isResponseTooLargeError(await caught(small.get('/big/1')))).toBe(true);
    expect(small.breaker!.counts).toMatchObject({ failures: 0, ignored: 2 });
  });

  it('takes a 503 for a failure, however large its body', async () => {
    const small = client({ maxResponseBytes: 2 });
    const error = await caught(small.get('/status/503'));
    expect(isHttpStatusError(error) && error.status).toBe(503);
    expect(small.breaker!.counts).toMatchObject({ failures: 3, ignored: 0 });
  });

  it('reads only the start of a 100 MB error', async () => {
    const error = (await caught(client({ retry: undefined }).get('/big/100/500'))) as HttpStatusError;
    expect(isHttpStatusError(error)).toBe(true);
    expect(error.bodyExcerpt).toHaveLength(2_048);
    const response = await client({ retry: undefined }).get('/big/2/500', { throwOnStatus: false });
    expect((await response.arrayBuffer()).byteLength).toBe(2 * 1_048_576);
  });

  it('has no credentials in its errors', async () => {
    const echo = createServer((request, response) => {
      response.writeHead(400);
      response.end(`you sent ${JSON.stringify(request.headers)} and {"password": "hunter2"} ${request.url}`);
    }).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    const { port } = echo.address() as { port: number };
    const partner = createHttpClient({ name: 'x', baseUrl: `http://user:s3cret@127.0.0.1:${port}/api` });
    const error = (await caught(
      partner.get('/a', { headers: { cookie: 'session=abcdef', 'x-api-key': 'k-12345' }, query: { q: 1 } }),
    )) as HttpStatusError;
    const everything = `${error.message} ${error.bodyExcerpt} ${JSON.stringify(error)}`;
    for (const secret of ['s3cret', 'dXNlcjpzM2NyZXQ', 'abcdef', 'k-12345', 'hunter2'])
      expect(everything).not.toContain(secret);
    expect(error.message).toBe(`GET http://127.0.0.1:${port}/api/a answered 400 Bad Request`);
    echo.close();
    echo.closeAllConnections();
  });
});

describe('createHttpClient, what it sends', () => {
  it('tells the partner how long it has', async () => {
    await client({ timeout: { timeoutMs: 5_000 } }).get('/echo');
    expect(server.headers.get('/echo')!['x-request-timeout-ms']).toBe('5000');
    await runWithDeadline(4_000, () => client({ timeout: { timeoutMs: 5_000 } }).get('/echo'));
    const left = Number(server.headers.get('/echo')!['x-request-timeout-ms']);
    expect(left > 500 && left <= 4_000).toBe(true);
    await client({ timeout: { timeoutMs: 5_000 } }).get('/echo', { timeoutMs: 3_700 });
    expect(server.headers.get('/echo')!['x-request-timeout-ms']).toBe('3700');
    await client().get('/echo');
    expect(server.headers.get('/echo')!['x-request-timeout-ms']).toBeUndefined();
  });

  it('sends nothing with less than 5 ms left', async () => {
    const before = hits('/ok');
    const error = await runWithDeadline(3, () => caught(client().get('/ok')));
    expect(error).toMatchObject({ code: 'KIT_DEADLINE_EXCEEDED' });
    expect(hits('/ok')).toBe(before);
  });

  it('takes the trace along, with a new span for each attempt', async () => {
    const port = globalThis as { [key: symbol]: unknown };
    const key = Symbol.for('@kit/trace');
    const previous = port[key];
    const seen: string[] = [];
    let spans = 0;
    port[key] = {
      version: 1,
      inject: (carrier: object) => ({ ...carrier, traceparent: `00-trace-span${(spans += 1)}-01` }),
    };
    try {
      const fetch: HttpClientOptions['fetch'] = async (_, init) => {
        seen.push(new Headers(init.headers).get('traceparent')!);
        return new Response(null, { status: seen.length < 3 ? 503 : 200 });
      };
      await client({ fetch }).get('/x');
      await client({ fetch, traceHeaders: false }).get('/x');
      port[key] = {
        inject: () => {
          throw new Error('bug');
        },
      };
      await client({ fetch }).get('/x');
    } finally {
      port[key] = previous;
    }
    expect(seen).toEqual(['00-trace-span1-01', '00-trace-span2-01', '00-trace-span3-01', null, null]);
  });

  it('stays below its base URL', async () => {
    await expect(client().get('http://elsewhere.example/')).rejects.toThrow('path must be relative');
    const based = client({ baseUrl: `${server.url}/echo/` });
    expect((await based.get('a?x=1', { query: { y: 'ä' } })).url).toBe(`${server.url}/echo/a?x=1&y=%C3%A4`);
    expect((await based.get('//evil.example/a')).url).toBe(`${server.url}/echo/evil.example/a`);
    expect((await based.get('')).url).toBe(`${server.url}/echo/`);
  });

  it('answers with the fallback, a response of one’s own', async () => {
    const partner = client({ fallback: () => new Response('cached') });
    expect(await partner.get('/status/500').text()).toBe('cached');
  });

  it('refuses json beside body', async () => {
    await expect(client().request('/echo', { method: 'POST', json: 1, body: 'x' })).rejects.toThrow('json');
  });

  it('works with a fetch and a dispatcher of one’s own', async () => {
    const dispatcher = new Agent({ connections: 1 });
    let dispatched = 0;
    const counting = dispatcher.compose((dispatch) => (options, handler) => {
      dispatched += 1;
      return dispatch(options, handler);
    });
    const fetch = undiciFetch as unknown as HttpClientOptions['fetch'];
    const partner = client({ fetch, dispatcher: counting, timeout: { timeoutMs: 5_000 } });
    expect(await (await partner.get('/ok').blob()).text()).toBe('ok');
    expect((await partner.get('/ok').arrayBuffer()).byteLength).toBe(2);
    expect(dispatched).toBe(2);
    await dispatcher.close();
  });
});

describe('a process that uses the client', () => {
  it('exits by itself when the calls are done', async () => {
    const child = runChild(new URL('./children/exits.ts', import.meta.url), { args: [server.url] });
    const { code } = await child.exited;
    expect(child.stderr).toBe('');
    expect([child.stdout.trim(), code]).toEqual(['ok KIT_TIMEOUT KIT_TIMEOUT', 0]);
  });
});
