import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { freePort } from 'kit-tooling/servers';
import { Agent, fetch as undiciFetch, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toAppError, toProblem } from '../src/index.js';

async function failureOf(work: PromiseLike<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('the call should have failed');
}

/** A partner that fails in every way that a partner can. */
function createPartner(): Server {
  return createServer((incoming, response) => {
    if (incoming.url === '/silent') return;
    if (incoming.url === '/stalls') {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half');
      return;
    }
    if (incoming.url === '/breaks-off') {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
      return;
    }
    response.statusCode = 404;
    response.end('{}');
  });
}

describe('toAppError, fetch and undici', () => {
  const partner = createPartner();
  const sockets = new Set<Socket>();
  const resetter = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.resetAndDestroy());
  });
  const notHttp = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.end('SSH-2.0-OpenSSH_9.2\r\n');
  });
  const impatient = new Agent({ headersTimeout: 1_000, bodyTimeout: 1_000 });
  let url: string;
  const urlOf = (server: { address(): AddressInfo | string | null }) =>
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  beforeAll(async () => {
    for (const server of [partner, resetter, notHttp]) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
    url = urlOf(partner);
  });
  afterAll(async () => {
    await impatient.destroy();
    partner.closeAllConnections();
    for (const socket of sockets) socket.destroy();
    for (const server of [partner, resetter, notHttp]) server.close();
  });

  const clients: [string, (target: string, init?: { signal?: AbortSignal }) => Promise<unknown>][] = [
    ['fetch of Node', async (target, init) => (await fetch(target, init)).text()],
    [
      'fetch of undici',
      async (target, init) => (await undiciFetch(target, { ...init, dispatcher: impatient })).text(),
    ],
    [
      'request of undici',
      async (target, init) => (await request(target, { ...init, dispatcher: impatient })).body.text(),
    ],
  ];

  it.each(clients)('maps a refused connection, %s', async (name, call) => {
    const error = toAppError(await failureOf(call(`http://127.0.0.1:${await freePort()}`)));
    // undici's request throws the socket's own error, which nothing tells from a database's.
    const expected = name === 'request of undici' ? 'SYS_UNAVAILABLE' : 'SYS_UPSTREAM_ERROR';
    expect(error).toMatchObject({ code: expected, retryable: true });
  });

  it.each(clients)('maps a reset connection, %s', async (name, call) => {
    const error = toAppError(await failureOf(call(urlOf(resetter))));
    expect(error.code).toBe(name === 'request of undici' ? 'SYS_UNAVAILABLE' : 'SYS_UPSTREAM_ERROR');
  });

  it.each(clients)('maps an unknown host, %s', async (name, call) => {
    const error = toAppError(await failureOf(call('http://no-such-host.invalid/')));
    expect(error.code).toBe(name === 'request of undici' ? 'SYS_UNAVAILABLE' : 'SYS_UPSTREAM_ERROR');
  });

  it.each(clients)('maps a body that breaks off to 502, %s', async (_name, call) => {
    expect(toAppError(await failureOf(call(`${url}/breaks-off`))).status).toBe(502);
  });

  it.each(clients)('maps an answer that is not HTTP to 502, %s', async (_name, call) => {
    expect(toAppError(await failureOf(call(urlOf(notHttp)))).status).toBe(502);
  });

  it.each(clients.slice(1))('maps headers that do not come to 504, %s', async (_name, call) => {
    const error = toAppError(await failureOf(call(`${url}/silent`)));
    expect(error).toMatchObject({ code: 'SYS_TIMEOUT', status: 504, retryable: true });
  });

  it.each(clients.slice(1))('maps a body that stalls to 504, %s', async (_name, call) => {
    expect(toAppError(await failureOf(call(`${url}/stalls`))).code).toBe('SYS_TIMEOUT');
  });

  it.each(clients)('maps the end of AbortSignal.timeout and an abort to 504, %s', async (_name, call) => {
    const timedOut = await failureOf(call(`${url}/silent`, { signal: AbortSignal.timeout(50) }));
    expect(toAppError(timedOut).code).toBe('SYS_TIMEOUT');
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    const aborted = await failureOf(call(`${url}/silent`, { signal: controller.signal }));
    expect(toAppError(aborted).code).toBe('SYS_TIMEOUT');
  });

  it('shows nothing of the partner', async () => {
    const body = JSON.stringify(toProblem(await failureOf(fetch('http://no-such-host.invalid/secret'))));
    expect(body).not.toMatch(/no-such-host|ENOTFOUND|fetch/);
  });

  it.each([
    ['TimeoutError', { name: 'TimeoutError' }, 504],
    ['ETIMEDOUT', { code: 'ETIMEDOUT' }, 504],
    ['no reason', undefined, 502],
  ])("reads the reason of fetch's TypeError: %s", (_case, cause, status) => {
    expect(toAppError(new TypeError('fetch failed', { cause })).status).toBe(status);
  });

  it.each([
    ['a job that was terminated', { name: 'JobError', message: 'terminated' }],
    ['HTTPError without a response', { name: 'HTTPError' }],
    ['another error with a response', { name: 'DraftError', response: { status: 404 } }],
  ])('does not take %s for a failed call', (_case, fields) => {
    expect(toAppError(Object.assign(new Error('x'), fields)).code).toBe('SYS_INTERNAL_ERROR');
  });

  it.each([
    ['axios', { isAxiosError: true, response: { status: 404 }, status: 404 }, 502],
    ['axios out of time', { isAxiosError: true, code: 'ETIMEDOUT' }, 504],
    ['ky and got', { name: 'HTTPError', response: { status: 404, statusCode: 404 } }, 502],
    ['ofetch', { name: 'FetchError', response: { status: 401 }, status: 401, statusCode: 401 }, 502],
  ])("does not take a partner's status for ours: %s", (_name, fields, status) => {
    expect(toAppError(Object.assign(new Error('Request failed'), fields)).status).toBe(status);
  });
});
