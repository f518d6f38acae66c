import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttpClient, isHttpStatusError, isTimeoutError } from '../src/index.js';
import { type FaultServer, startFaultServer } from './fault-server.js';

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.close());

const client = (options: Partial<Parameters<typeof createHttpClient>[0]> = {}) =>
  createHttpClient({ name: 'partner', baseUrl: server.url, ...options });

describe('createHttpClient, plain', () => {
  it('resolves to a fetch response, with shortcuts', async () => {
    const response = await client().get('/ok');
    expect(response.status).toBe(200);
    expect(response.url).toBe(`${server.url}/ok`);
    expect(
      await client()
        .get('/echo', { query: { a: [1, 2], b: undefined } })
        .json(),
    ).toMatchObject({
      url: '/echo?a=1&a=2',
    });
  });

  it('sends JSON, headers and an idempotency key by every method', async () => {
    for (const method of ['post', 'put', 'patch', 'delete'] as const) {
      const sender = client({ headers: { 'x-a': '1' } });
      const options = { json: { n: 1 }, headers: { 'x-b': '2' }, idempotencyKey: 'key-1' };
      const echoed = await sender[method]('/echo', options).json();
      expect(echoed).toMatchObject({
        method: method.toUpperCase(),
        body: '{"n":1}',
        headers: { 'x-a': '1', 'x-b': '2', 'idempotency-key': 'key-1', 'content-type': 'application/json' },
      });
    }
  });

  it('rejects with status and excerpt, or resolves when asked to', async () => {
    const error = await client()
      .get('/status/404')
      .catch((e: unknown) => e);
    expect(isHttpStatusError(error)).toBe(true);
    expect(error).toMatchObject({ code: 'KIT_HTTP_STATUS', status: 404, bodyExcerpt: 'status 404' });
    const response = await client().get('/status/404', { throwOnStatus: false });
    expect([response.status, await response.text()]).toEqual([404, 'status 404']);
  });

  it('follows redirects and ends a loop', async () => {
    expect(await client().get('/redirect').text()).toBe('ok');
    await expect(client({ retry: { maxAttempts: 3 } }).get('/loop')).rejects.toThrow('fetch failed');
  });

  it('times out a stall in the body', async () => {
    const stalled = client({ timeout: { timeoutMs: 150 } })
      .get('/stall')
      .text();
    expect(isTimeoutError(await stalled.catch((e: unknown) => e))).toBe(true);
  });
});
