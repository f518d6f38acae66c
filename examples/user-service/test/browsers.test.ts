import { traceRequestHeaders, traceResponseHeaders } from '@kit/trace';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminToken, startService, type Service } from './service.ts';

const shop = 'https://shop.example';
let service: Service;
beforeAll(async () => {
  service = await startService({ CORS_ORIGINS: `${shop}, https://other.example` });
});
afterAll(() => service?.close());

const lowerCase = (text: string | null) => (text ?? '').toLowerCase().split(/,\s*/);
const preflight = (origin: string) =>
  fetch(`${service.url}/auth/login`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,traceparent',
    },
  });

describe('a page of an origin that is allowed', () => {
  it('may ask before it sends, and is told which headers it may send: the trace among them', async () => {
    const { status, headers } = await preflight(shop);
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(shop);
    expect(lowerCase(headers.get('access-control-allow-headers'))).toEqual(
      expect.arrayContaining(
        ['authorization', 'content-type', ...traceRequestHeaders].map((name) => name.toLowerCase()),
      ),
    );
  });

  it('may read the trace of an answer, and when to come again, also of one that went wrong', async () => {
    for (const path of ['/openapi.json', '/auth/me', '/nowhere']) {
      const { headers } = await service.call('GET', path, { headers: { origin: shop } });
      expect(headers.get('access-control-allow-origin')).toBe(shop);
      expect(headers.get('vary')).toMatch(/origin/i);
      expect(lowerCase(headers.get('access-control-expose-headers'))).toEqual(
        expect.arrayContaining(['retry-after', ...traceResponseHeaders].map((name) => name.toLowerCase())),
      );
    }
  });
});

describe('a page of any other origin', () => {
  it.each(['https://evil.example', 'https://shop.example.evil.example', 'http://shop.example', 'null'])(
    '%s is not let in',
    async (origin) => {
      expect((await preflight(origin)).headers.get('access-control-allow-origin')).not.toBe(origin);
      const { headers } = await service.call('GET', '/health', { headers: { origin } });
      expect(headers.get('access-control-allow-origin')).not.toBe(origin);
      expect(headers.get('access-control-allow-origin')).not.toBe('*');
    },
  );

  it('is nobody at all when no origin is configured', async () => {
    const closed = await startService();
    const { headers } = await closed.call('GET', '/health', { headers: { origin: shop } });
    expect(headers.get('access-control-allow-origin')).toBeNull();
    await closed.close();
  });
});

describe('an answer', () => {
  it('has the security headers, and does not say what it was made with', async () => {
    for (const path of ['/health', '/auth/me', '/nowhere']) {
      const { headers } = await service.call('GET', path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("default-src 'self'");
      expect(headers.get('x-frame-options')).toBe('SAMEORIGIN');
      expect(headers.get('x-powered-by')).toBeNull();
    }
  });

  it('that is long is compressed for who can read that, and the same for who cannot', async () => {
    const read = (encoding: string) =>
      fetch(`${service.url}/openapi.json`, {
        headers: { authorization: `Bearer ${adminToken}`, 'accept-encoding': encoding },
      });
    const [small, plain] = [await read('gzip'), await read('identity')];
    expect(small.headers.get('content-encoding')).toBe('gzip');
    expect(small.headers.get('vary')).toMatch(/accept-encoding/i);
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(await small.json()).toEqual(await plain.json());
  });

  it('that is short is not', async () => {
    const { headers } = await service.call('GET', '/auth/me', { headers: { 'accept-encoding': 'gzip' } });
    expect(headers.get('content-encoding')).toBeNull();
  });
});
