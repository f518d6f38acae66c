import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { getTrace, runWithTrace, tracedFetch } from '../src/index.js';

interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

let listed: Server;
let other: Server;
let listedHost = '';
let otherHost = '';
const seen: Record<'listed' | 'other', Seen[]> = { listed: [], other: [] };

async function startServer(name: 'listed' | 'other'): Promise<Server> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    seen[name].push({ method: request.method!, url: request.url!, headers: request.headers, body });
    const { searchParams } = new URL(request.url!, 'http://x');
    const to = searchParams.get('to');
    if (to !== null) response.writeHead(Number(searchParams.get('status') ?? 302), { location: to });
    response.end('done');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

beforeAll(async () => {
  listed = await startServer('listed');
  other = await startServer('other');
  listedHost = `127.0.0.1:${(listed.address() as AddressInfo).port}`;
  otherHost = `localhost:${(other.address() as AddressInfo).port}`;
});
afterAll(() => {
  listed.close();
  other.close();
});
beforeEach(() => {
  seen.listed.length = 0;
  seen.other.length = 0;
});

const toOther = () =>
  `http://${listedHost}/?to=${encodeURIComponent(`http://127.0.0.1:${otherHost.split(':')[1]}/end`)}`;

describe('tracedFetch', () => {
  it('sends the trace to a listed host', async () => {
    const call = tracedFetch(fetch, { allow: [listedHost] });
    await runWithTrace({}, async () => {
      await call(`http://${listedHost}/a`, { headers: { 'x-own': '1' } });
      expect(seen.listed[0]!.headers).toMatchObject({
        'x-own': '1',
        'x-trace-id': getTrace()!.id,
        'x-request-id': getTrace()!.traceId,
      });
      expect(seen.listed[0]!.headers.traceparent).toContain(getTrace()!.traceId);
    });
  });

  it('has a new span id every attempt', async () => {
    const call = tracedFetch(undefined, { allow: [listedHost] });
    await runWithTrace({}, async () => {
      await call(`http://${listedHost}/a`);
      await call(new Request(`http://${listedHost}/b`));
      await call(new URL(`http://${listedHost}/c`));
    });
    expect(new Set(seen.listed.map((one) => one.headers.traceparent)).size).toBe(3);
  });

  it('sends nothing to a host that is not listed, nor outside of a trace', async () => {
    const call = tracedFetch(fetch, { allow: ['*.internal', 'localhost:1'] });
    await runWithTrace({}, () => call(`http://${listedHost}/a`));
    await tracedFetch()(`http://${listedHost}/a`);
    await tracedFetch(fetch, { allow: [listedHost] })(`http://${listedHost}/a`);
    expect(seen.listed).toHaveLength(3);
    for (const { headers } of seen.listed) expect(headers).not.toHaveProperty('traceparent');
  });

  it.each(['follow', undefined] as const)(
    'sends nothing on a redirect to a host that is not listed (%s)',
    async (redirect) => {
      const call = tracedFetch(fetch, { allow: [listedHost] });
      const response = await runWithTrace({}, () => call(toOther(), redirect && { redirect }));
      expect(await response.text()).toBe('done');
      expect(response.redirected).toBe(true);
      expect(new URL(response.url).pathname).toBe('/end');
      expect(seen.listed[0]!.headers).toHaveProperty('traceparent');
      expect(seen.other[0]!.headers).not.toHaveProperty('traceparent');
      expect(seen.other[0]!.headers).not.toHaveProperty('x-trace-id');
      expect(seen.other[0]!.headers).not.toHaveProperty('x-request-id');
    },
  );

  it('has a new span id on a redirect to a listed host', async () => {
    const call = tracedFetch(fetch, { allow: [listedHost] });
    await runWithTrace({}, () => call(`http://${listedHost}/?to=/b`));
    expect(new Set(seen.listed.map((one) => one.headers.traceparent)).size).toBe(2);
  });

  it('keeps credentials from another origin', async () => {
    const call = tracedFetch(fetch, { allow: [listedHost] });
    await runWithTrace({}, () => call(toOther(), { headers: { authorization: 'Bearer x', 'x-own': '1' } }));
    expect(seen.other[0]!.headers).not.toHaveProperty('authorization');
    expect(seen.other[0]!.headers).toHaveProperty('x-own', '1');
  });

  it.each([
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [307, 'POST', 'POST', 'payload'],
    [308, 'PUT', 'PUT', 'payload'],
    [302, 'PUT', 'PUT', 'payload'],
  ])('redirects as fetch does: %i of %s becomes %s', async (status, method, expected, body) => {
    const call = tracedFetch(fetch, { allow: [listedHost] });
    await runWithTrace({}, () =>
      call(`http://${listedHost}/?status=${status}&to=/end`, { method, body: 'payload' }),
    );
    expect(seen.listed[1]).toMatchObject({ method: expected, url: '/end', body });
  });

  it('does not send a stream twice, and ends an endless redirect', async () => {
    const call = tracedFetch(fetch, { allow: [listedHost] });
    const stream = new Blob(['x']).stream();
    const init = { method: 'POST', body: stream, duplex: 'half' } as RequestInit;
    await runWithTrace({}, async () => {
      await expect(call(`http://${listedHost}/?status=307&to=/end`, init)).rejects.toThrow('fetch failed');
      const loop = `http://${listedHost}/?to=${encodeURIComponent('/?to=/x')}`;
      await expect(call(loop)).resolves.toMatchObject({ status: 200 });
      await expect(call(`http://${listedHost}/?to=`)).rejects.toThrow('fetch failed');
      await expect(call(`http://${listedHost}/?to=ftp://x/`)).rejects.toThrow('fetch failed');
    });
  });

  it('leaves redirects to a caller who asked for that', async () => {
    const call = tracedFetch(fetch, { allow: [listedHost] });
    await runWithTrace({}, async () => {
      const response = await call(toOther(), { redirect: 'manual' });
      expect(response.status).toBe(302);
      await expect(call(toOther(), { redirect: 'error' })).rejects.toThrow();
    });
    expect(seen.other).toHaveLength(0);
    expect(seen.listed[0]!.headers).toHaveProperty('traceparent');
  });

  it.each([
    ['*.internal', 'http://api.internal/', true],
    ['*.internal', 'http://a.b.internal:8080/', true],
    ['*.internal', 'http://internal/', false],
    ['*.internal', 'http://evilinternal/', false],
    ['api.internal', 'http://API.internal/', true],
    ['api.internal', 'http://api.internal.evil.com/', false],
    ['api.internal', 'http://api.internal@evil.com/', false],
    ['localhost:3001', 'http://localhost:3001/', true],
    ['localhost:3001', 'http://localhost:3002/', false],
    ['api.internal:443', 'https://api.internal/', true],
    ['api.internal:443', 'http://api.internal/', false],
  ])('matches %s against %s: %s', async (allow, url, expected) => {
    let headers = new Headers();
    const fake: typeof fetch = async (_input, init) => {
      headers = new Headers(init?.headers);
      return new Response('ok');
    };
    await runWithTrace({}, () => tracedFetch(fake, { allow: [allow] })(url));
    expect(headers.has('traceparent')).toBe(expected);
  });

  it.each([
    [['http://x'], 'allow must hold hosts such as api.internal, *.internal or localhost:3001, got http://x'],
    [['*'], 'allow must hold hosts'],
    [[''], 'allow must hold hosts'],
    ['*.internal', 'allow must be a list of strings, got *.internal'],
  ])('refuses the list %j', (allow, message) => {
    expect(() => tracedFetch(fetch, { allow: allow as never })).toThrow(message);
    expect(() => tracedFetch('x' as never)).toThrow('fetch must be a function, got x');
    expect(() => tracedFetch(fetch, null as never)).toThrow('options must be an object, got null');
  });
});
