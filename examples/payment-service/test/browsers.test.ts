import { traceRequestHeaders, traceResponseHeaders } from '@kit/trace';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { get } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from './platform.ts';

const shop = 'https://shop.example';
let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ CORS_ORIGINS: `${shop}, https://other.example` });
  for (let n = 0; n < 10; n += 1) await platform.pay({ customerId: 'long-list' });
});
afterAll(() => platform?.stop());

const longList = '/v1/payments?customerId=long-list';
const lowerCase = (text: string | null) => (text ?? '').toLowerCase().split(/,\s*/);
const namesOf = (names: readonly string[]) => names.map((name) => name.toLowerCase());
const preflight = (origin: string, method = 'POST') =>
  platform.request('/v1/payments', {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': 'content-type,idempotency-key,traceparent',
    },
  });

describe('a page of an origin that is allowed', () => {
  it.each([shop, 'https://other.example'])(
    '%s may ask before it sends, and is told which headers it may send: key and trace among them',
    async (origin) => {
      const { status, headers, body } = await preflight(origin);
      expect([status, body]).toEqual([204, '']);
      expect(headers.get('access-control-allow-origin')).toBe(origin);
      expect(lowerCase(headers.get('access-control-allow-methods'))).toContain('post');
      expect(lowerCase(headers.get('access-control-allow-headers'))).toEqual(
        expect.arrayContaining(
          namesOf(['authorization', 'content-type', 'idempotency-key', ...traceRequestHeaders]),
        ),
      );
    },
  );

  it.each([longList, '/v1/payments/nobody', '/v1/nothing', '/v1/payments?limit=0'])(
    'may read the trace of %s, where to look and when to come again',
    async (path) => {
      const { headers } = await platform.request(path, { headers: { origin: shop } });
      expect(headers.get('access-control-allow-origin')).toBe(shop);
      expect(headers.get('vary')).toMatch(/origin/i);
      expect(headers.get('x-trace-id')).toMatch(/^[0-9a-f]{8}$/);
      expect(lowerCase(headers.get('access-control-expose-headers'))).toEqual(
        expect.arrayContaining(namesOf(['location', 'retry-after', ...traceResponseHeaders])),
      );
    },
  );

  it('may not send credentials that the browser adds by itself', async () => {
    expect((await preflight(shop)).headers.get('access-control-allow-credentials')).toBeNull();
  });
});

describe('a page of any other origin', () => {
  it.each(['https://evil.example', 'https://shop.example.evil.example', 'http://shop.example', 'null'])(
    '%s is not let in',
    async (origin) => {
      const answers = [await preflight(origin), await platform.request(longList, { headers: { origin } })];
      for (const { headers } of answers) {
        expect(headers.get('access-control-allow-origin')).not.toBe(origin);
        expect(headers.get('access-control-allow-origin')).not.toBe('*');
      }
    },
  );

  it('is nobody at all when no origin is configured', async () => {
    const closed = await startPlatform();
    try {
      const { headers } = await closed.request('/v1/payments', { headers: { origin: shop } });
      expect(headers.get('access-control-allow-origin')).toBeNull();
    } finally {
      await closed.stop();
    }
  });
});

describe('an answer', () => {
  it.each([
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
  ])('that is long is compressed for who reads %s, and says the same', async (encoding, decompress) => {
    const [small, plain] = [await raw(longList, encoding), await raw(longList, 'identity')];
    expect(small.headers['content-encoding']).toBe(encoding);
    expect(small.headers.vary).toMatch(/accept-encoding/i);
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(decompress(small.bytes)).toEqual(plain.bytes);
    expect(small.bytes.length).toBeLessThan(plain.bytes.length / 2);
  });

  it.each([
    ['short', '/v1/payments?limit=1'],
    ['a problem', '/v1/payments?limit=0'],
    ['no route', '/v1/nothing'],
  ])('that is %s is not', async (_what, path) => {
    const { headers, bytes } = await raw(path, 'gzip');
    expect(headers['content-encoding']).toBeUndefined();
    expect(JSON.parse(bytes.toString())).toBeTypeOf('object');
  });

  it('that never ends, the stream of the console, is not, and begins at once', async () => {
    const login = await fetch(`${platform.url}/admin/console/login`, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin: platform.url },
      body: new URLSearchParams({ token: platform.adminToken }),
    });
    const [cookie = ''] = login.headers.getSetCookie()[0]!.split(';');
    const stopped = new AbortController();
    const stream = await fetch(`${platform.url}/admin/console/events`, {
      headers: { 'accept-encoding': 'gzip, br', cookie },
      signal: stopped.signal,
    });
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    expect(stream.headers.get('content-encoding')).toBeNull();
    const { value } = await stream.body!.getReader().read();
    expect(new TextDecoder().decode(value)).toMatch(/^(event|data|id|retry|:)/);
    stopped.abort();
  });
});

/** The bytes as they came: fetch would have decompressed them. */
function raw(path: string, encoding: string) {
  return new Promise<{ headers: Record<string, unknown>; bytes: Buffer }>((resolve, reject) => {
    const request = get(new URL(path, platform.url), { headers: { 'accept-encoding': encoding } });
    request.on('error', reject);
    request.on('response', async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve({ headers: response.headers, bytes: Buffer.concat(chunks) });
    });
  });
}
