import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createHealth, gracefulShutdown, type GracefulShutdownOptions } from '../src/index.js';
import { startService as start } from './service.js';

describe('gracefulShutdown, a real process', () => {
  it('answers 503 on ready and 200 on live and work while it waits, says Connection: close, then exits 0', async () => {
    const { child, url } = await start('express', { readyDelayMs: 5_000 });
    const before = await fetch(`${url}/work`);
    expect(before.headers.get('connection')).toBe('keep-alive');
    await before.arrayBuffer();
    child.signal('SIGTERM');
    await expect.poll(async () => (await fetch(`${url}/health/ready`)).status).toBe(503);
    const work = await fetch(`${url}/work`);
    expect(work.status).toBe(200);
    expect(work.headers.get('connection')).toBe('close');
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(child.stdout.match(/closed \w+/g)).toEqual(['closed queue', 'closed db']);
    await expect(fetch(`${url}/work`)).rejects.toThrow();
  });

  it('lets a request in flight finish after it stopped listening, and tells it to close', async () => {
    const { child, url } = await start('http', { readyDelayMs: 0 });
    const slow = fetch(`${url}/slow`);
    await child.waitFor('begins slow');
    child.signal('SIGTERM');
    const response = await slow;
    expect(response.status).toBe(200);
    expect(response.headers.get('connection')).toBe('close');
    expect(await response.json()).toEqual({ ok: true });
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });

  it('does not wait for idle keep-alive connections, nor for connections that never say a word', async () => {
    const { child, port } = await start('http', {
      readyDelayMs: 0,
      drainTimeoutMs: 60_000,
      forceAfterMs: 70_000,
    });
    const agent = new Agent({ keepAlive: true });
    const used = get({ port, host: '127.0.0.1', path: '/work', agent });
    const [response] = await once(used, 'response');
    response.resume();
    await once(response, 'end');
    const silent = connect(port, '127.0.0.1');
    await once(silent, 'connect');
    const startedAt = performance.now();
    child.signal('SIGTERM');
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedAt).toBeLessThan(40_000);
    silent.destroy();
    agent.destroy();
  });

  it('exits 1 at a second signal', async () => {
    const { child, url } = await start('http', { readyDelayMs: 30_000, forceAfterMs: 60_000 });
    child.signal('SIGTERM');
    await expect.poll(async () => (await fetch(`${url}/health/ready`)).status).toBe(503);
    child.signal('SIGINT');
    expect(await child.exited).toEqual({ code: 1, signal: null });
  });

  it('cuts a request that outlasts the drain, still runs the hooks, and exits 1', async () => {
    const { child, url } = await start('http', { readyDelayMs: 0, drainTimeoutMs: 300 });
    const cut = fetch(`${url}/never`).then(
      () => 'answered',
      () => 'cut',
    );
    await child.waitFor('begins never');
    child.signal('SIGTERM');
    expect(await cut).toBe('cut');
    expect(await child.exited).toEqual({ code: 1, signal: null });
    expect(child.stdout).toContain('closed db');
    expect(child.stderr).toContain('requests were cut off after 300 ms of drain');
  });

  it('goes on without a hook that hangs and one that fails, and says so', async () => {
    const { child } = await start('http', {
      readyDelayMs: 0,
      hookTimeoutMs: 200,
      hangingHook: true,
      failingHook: true,
    });
    child.signal('SIGTERM');
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(child.stdout.match(/closed \w+/g)).toEqual(['closed queue', 'closed db']);
    expect(child.stderr).toContain('hook "hanging" did not end within 200 ms');
    expect(child.stderr).toContain('failing: cannot close');
  });

  it('exits 1 when all of it takes longer than forceAfterMs', async () => {
    const { child } = await start('http', {
      readyDelayMs: 0,
      forceAfterMs: 400,
      hookTimeoutMs: 60_000,
      hangingHook: true,
    });
    child.signal('SIGTERM');
    expect(await child.exited).toEqual({ code: 1, signal: null });
    expect(child.stderr).toContain('still not down 400 ms after the signal');
  });
});

describe('gracefulShutdown, in process', () => {
  const setUp = async (options: Partial<GracefulShutdownOptions> = {}) => {
    const server = createServer((_req, res) => res.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const codes: number[] = [];
    const errors: string[] = [];
    const handle = gracefulShutdown({
      server,
      readyDelayMs: 0,
      signals: [],
      exit: (code) => codes.push(code),
      onError: (error, step) => errors.push(`${step}: ${(error as Error).message}`),
      ...options,
    });
    return { server, handle, codes, errors, port: (server.address() as AddressInfo).port };
  };

  it('can be begun by the program, once, and tells the code', async () => {
    const order: string[] = [];
    const { handle, codes } = await setUp({
      onClose: [
        ['first', () => order.push('first')],
        ['second', () => order.push('second')],
      ],
    });
    expect(await Promise.all([handle.shutdown(), handle.shutdown()])).toEqual([0, 0]);
    expect(codes).toEqual([0]);
    expect(order).toEqual(['second', 'first']);
  });

  it('goes down although health and the error listener throw', async () => {
    const { handle, codes } = await setUp({
      health: {
        beginShutdown: () => {
          throw new Error('odd');
        },
        close: () => {},
      },
      onError: () => {
        throw new Error('odder');
      },
    });
    expect(await handle.shutdown()).toBe(0);
    expect(codes).toEqual([0]);
  });

  it('closes the health at the end, and takes its listeners away', async () => {
    const before = process.listenerCount('SIGUSR2');
    const health = createHealth({ refresh: { intervalMs: 10 } });
    const { handle, server } = await setUp({ health, signals: ['SIGUSR2'] });
    expect(process.listenerCount('SIGUSR2')).toBe(before + 1);
    await handle.shutdown();
    expect(health.isReady()).toBe(false);
    expect(process.listenerCount('SIGUSR2')).toBe(before);
    expect(server.listenerCount('request')).toBe(1);
    await handle[Symbol.asyncDispose]();
  });

  it('answers who connects at the instant in which the server stops listening', async () => {
    const { handle, port, server } = await setUp();
    const down = handle.shutdown();
    const calls = Array.from({ length: 20 }, async () => {
      const [response] = (await once(get({ port, host: '127.0.0.1' }), 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      return `${response.statusCode} ${response.headers.connection}`;
    });
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['200 close']));
    expect(await down).toBe(0);
    expect(server.listenerCount('request')).toBe(1);
  });

  it('cuts an upgraded connection at the end of the drain', async () => {
    const { handle, server, port, errors } = await setUp({ drainTimeoutMs: 50 });
    server.on('upgrade', (_req, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'));
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    await once(socket, 'data');
    const closed = once(socket, 'close');
    expect(await handle.shutdown()).toBe(1);
    await closed;
    expect(errors).toEqual(['drain: requests were cut off after 50 ms of drain']);
  });

  it.each([
    [{ server: undefined }, 'server.close must be a function'],
    [{ server: { close() {} } }, 'server.closeIdleConnections must be a function'],
    [{ health: {} }, 'health.beginShutdown must be a function'],
    [{ readyDelayMs: -1 }, 'readyDelayMs must be >= 0'],
    [{ drainTimeoutMs: NaN }, 'drainTimeoutMs must be >= 0'],
    [{ forceAfterMs: 0 }, 'forceAfterMs must be > 0'],
    [{ hookTimeoutMs: '1' }, 'hookTimeoutMs must be > 0'],
    [{ onClose: {} }, 'onClose must be an array of [name, function]'],
    [{ onClose: [() => {}] }, 'onClose must be an array of [name, function], got a function in it'],
    [{ onClose: [['', () => {}]] }, 'onClose name must be a non-empty string'],
    [{ onClose: [['db', 5]] }, 'onClose "db" must be a function, got 5'],
    [{ exit: 1 }, 'exit must be a function'],
    [{ onError: 1 }, 'onError must be a function'],
  ])('rejects %o', (options, message) => {
    const server = createServer();
    expect(() => gracefulShutdown({ server, ...options } as never)).toThrow(message);
  });
});
