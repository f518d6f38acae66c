import {
  type CryptoKey,
  decodeJwt,
  decodeProtectedHeader,
  exportSPKI,
  importJWK,
  type JWK,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rotateKeys } from '../src/auth/key-ring.ts';
import { onEveryEngine, startService } from './service.ts';

onEveryEngine('accounts and tokens', (service) => {
  const me = (token: string) => service.call('GET', '/auth/me', { token });
  const keyFile = () => join(service.dataDir, 'user-service-keys.json');
  const storedKeys = (): (JWK & { kid: string })[] => JSON.parse(readFileSync(keyFile(), 'utf8')).keys;

  describe('registering and logging in', () => {
    it('gives a token that says who one is, and never the password', async () => {
      const registered = await service.call('POST', '/auth/register', {
        body: {
          email: 'Grace@Example.org',
          name: 'Grace',
          password: 'a long passphrase',
          phone: '+49 30 901820',
        },
      });
      expect(registered.status).toBe(201);
      expect(registered.body).toMatchObject({
        email: 'grace@example.org',
        phone: '+4930901820',
        role: 'user',
      });
      const login = await service.call('POST', '/auth/login', {
        body: { email: 'grace@example.org', password: 'a long passphrase' },
      });
      expect(login.status).toBe(200);
      expect(login.body).toMatchObject({ tokenType: 'Bearer', expiresIn: 900 });
      const { status, body } = await me(String(login.body.accessToken));
      expect(status).toBe(200);
      expect(body.id).toBe(registered.body.id);
      expect(JSON.stringify([registered.body, body])).not.toMatch(/password|argon2/i);
    });

    it('answers an unknown address like a wrong password', async () => {
      const { email } = await service.newUser();
      const wrong = await service.call('POST', '/auth/login', { body: { email, password: 'wrong' } });
      const unknown = await service.call('POST', '/auth/login', {
        body: { email: 'x@example.org', password: 'wrong' },
      });
      expect([wrong.status, wrong.body.code]).toEqual([401, 'AUTH_INVALID_CREDENTIALS']);
      expect([unknown.status, unknown.body.code, unknown.body.detail]).toEqual([
        401,
        'AUTH_INVALID_CREDENTIALS',
        wrong.body.detail,
      ]);
    });

    it('refuses an address that is taken, whatever its capitals, also of two that come at once', async () => {
      const body = (email: string) => ({ email, name: 'A', password: 'long enough 1' });
      const answers = await Promise.all(
        ['twice@example.org', 'TWICE@example.org', 'Twice@Example.org'].map((email) =>
          service.call('POST', '/auth/register', { body: body(email) }),
        ),
      );
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      expect(answers.filter(({ body }) => body.code === 'RES_EMAIL_TAKEN')).toHaveLength(2);
    });
  });

  describe('a token', () => {
    it.each([
      ['nothing', undefined],
      ['another scheme', 'Basic YTpi'],
      ['an empty token', 'Bearer '],
      ['no token at all', 'Bearer'],
      ['garbage', 'Bearer a.b.c'],
      ['two tokens', 'Bearer a b'],
    ])('that is %s is refused', async (_what, authorization) => {
      const { status, body } = await service.call('GET', '/auth/me', {
        headers: authorization ? { authorization } : {},
      });
      expect([status, body.code]).toEqual([401, 'AUTH_FAILED']);
      expect(body.traceId).toMatch(/^[0-9a-f]{8}$/);
    });

    it('without a signature (alg none) is refused', async () => {
      const { id, token } = await service.newUser();
      const { iss, aud } = decodeJwt(token);
      const forged = new UnsecuredJWT({ role: 'admin' })
        .setSubject(id)
        .setIssuer(iss!)
        .setAudience(aud!)
        .setExpirationTime('1h')
        .encode();
      expect((await me(forged)).body.code).toBe('AUTH_FAILED');
    });

    it('signed with another key under our key id is refused', async () => {
      const { id, token } = await service.newUser();
      const { kid } = decodeProtectedHeader(token);
      const forged = await sign(
        new TextEncoder().encode('x'.repeat(32)),
        { alg: 'HS256', kid: kid! },
        id,
        token,
      );
      expect((await me(forged)).body.code).toBe('AUTH_FAILED');
    });

    it('signed with our public key as an HMAC secret is refused', async () => {
      const { id, token } = await service.newUser();
      const { body } = await service.call('GET', '/.well-known/jwks.json');
      const [jwk] = body.keys as JWK[];
      const pem = await exportSPKI((await importJWK(jwk!, 'RS256')) as CryptoKey);
      const forged = await sign(new TextEncoder().encode(pem), { alg: 'HS256', kid: jwk!.kid! }, id, token);
      expect((await me(forged)).body.code).toBe('AUTH_FAILED');
    });

    it.each([
      ['for another audience', { audience: 'somebody-else' }, 'AUTH_FAILED'],
      ['of another issuer', { issuer: 'somebody-else' }, 'AUTH_FAILED'],
      ['that has expired', { expires: '-1s' }, 'AUTH_TOKEN_EXPIRED'],
    ])('%s is refused', async (_what, changes, code) => {
      const { id, token } = await service.newUser();
      const [key] = storedKeys();
      const other = await sign(
        (await importJWK(key!, 'RS256')) as CryptoKey,
        { alg: 'RS256', kid: key!.kid },
        id,
        token,
        changes,
      );
      const { status, body } = await me(other);
      expect([status, body.code]).toEqual([401, code]);
    });
  });

  describe('key rotation', () => {
    it('signs with the new key at once and accepts tokens of the old one until it drops off', async () => {
      const { token: old } = await service.newUser();
      const kid = await rotateKeys(keyFile(), { algorithm: 'HS256', keep: 2 });
      const { token: fresh } = await service.newUser();
      expect(decodeProtectedHeader(fresh)).toEqual({ alg: 'HS256', kid });
      expect((await me(old)).status).toBe(200);
      expect((await me(fresh)).status).toBe(200);
      await rotateKeys(keyFile(), { algorithm: 'RS256', keep: 2 });
      expect((await me(old)).body.code).toBe('AUTH_FAILED');
      expect((await me(fresh)).status).toBe(200);
    });

    it('publishes public keys only', async () => {
      const { body } = await service.call('GET', '/.well-known/jwks.json');
      const keys = body.keys as JWK[];
      expect(keys.length).toBeGreaterThan(0);
      for (const key of keys) expect(Object.keys(key).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
    });
  });

  describe('too many logins', () => {
    it('are answered with 429 and the time to wait', async () => {
      const strict = await startService({ AUTH_RATE_PER_MINUTE: '2' });
      const login = () =>
        strict.call('POST', '/auth/login', { body: { email: 'x@example.org', password: 'y' } });
      await login();
      await login();
      const { status, body, headers } = await login();
      expect([status, body.code]).toEqual([429, 'SYS_RATE_LIMITED']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      await strict.close();
    });
  });
});

async function sign(
  key: CryptoKey | Uint8Array,
  header: { alg: string; kid: string },
  subject: string,
  like: string,
  { issuer, audience, expires = '1h' }: { issuer?: string; audience?: string; expires?: string } = {},
): Promise<string> {
  const { iss, aud } = decodeJwt(like);
  return new SignJWT({ role: 'admin' })
    .setProtectedHeader(header)
    .setSubject(subject)
    .setIssuer(issuer ?? iss!)
    .setAudience(audience ?? aud!)
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(key);
}
