import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { holdRequests } from '../src/held-requests.js';

describe('holdRequests', () => {
  const open: (() => void)[] = [];
  afterEach(() => {
    for (const close of open.splice(0)) close();
  });

  const setUp = async () => {
    const handled: string[] = [];
    const server = createServer((req, res) => {
      handled.push(req.url ?? '');
      res.end('hello');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    return { server, handled, call: (path: string) => get({ port, host: '127.0.0.1', path }) };
  };

  it('begins nothing until it is released, then everything, and lets later requests through', async () => {
    const { server, handled, call } = await setUp();
    const held = holdRequests(server);
    const first = once(call('/first'), 'response') as Promise<[IncomingMessage]>;
    await expect.poll(() => held.count).toBe(1);
    expect(handled).toEqual([]);
    held.release();
    held.release();
    expect((await first)[0].statusCode).toBe(200);
    const [second] = (await once(call('/second'), 'response')) as [IncomingMessage];
    expect(second.statusCode).toBe(200);
    expect(handled).toEqual(['/first', '/second']);
  });

  it('does not begin the request of a caller who left', async () => {
    const { server, handled, call } = await setUp();
    const held = holdRequests(server);
    const left = call('/left').on('error', () => {});
    await expect.poll(() => held.count).toBe(1);
    const gone = new Promise((resolve) => server.once('connection', resolve));
    left.destroy();
    // The next connection comes after the end of the last one.
    const stayed = once(call('/stayed'), 'response');
    await gone;
    await expect.poll(() => held.count).toBe(2);
    held.release();
    await stayed;
    expect(handled).toEqual(['/stayed']);
  });

  it('keeps the async context that an instrumented server gave a request', async () => {
    const storage = new AsyncLocalStorage<string>();
    const { server, call } = await setUp();
    const seen: unknown[] = [];
    server.prependListener('request', () => seen.push(storage.getStore()));
    const emit = server.emit.bind(server);
    server.emit = ((event: string, ...rest: unknown[]) =>
      event === 'request'
        ? storage.run('span', () => emit(event, ...rest))
        : emit(event, ...rest)) as typeof server.emit;
    const held = holdRequests(server);
    const answered = once(call('/'), 'response');
    await expect.poll(() => held.count).toBe(1);
    held.release();
    await answered;
    expect(seen).toEqual(['span']);
  });
});
