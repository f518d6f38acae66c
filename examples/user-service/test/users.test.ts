import { describe, expect, it } from 'vitest';
import { adminToken, onEveryEngine } from './service.ts';

onEveryEngine('users', (service) => {
  describe('a user', () => {
    it('sees, changes and deletes itself', async () => {
      const { id, token } = await service.newUser();
      expect((await service.call('GET', `/users/${id}`, { token })).body).toMatchObject({
        id,
        name: 'Ada',
        phone: null,
      });
      expect((await service.call('GET', `/users/${id.toUpperCase()}`, { token })).body.id).toBe(id);
      const changed = await service.call('PATCH', `/users/${id}`, {
        token,
        body: { name: 'Ada L.', phone: '+44 20 7946 0958' },
      });
      expect(changed.body).toMatchObject({ name: 'Ada L.', phone: '+442079460958' });
      expect((await service.call('DELETE', `/users/${id}`, { token })).status).toBe(204);
      expect((await service.call('GET', `/users/${id}`, { token })).body.code).toBe('RES_USER_NOT_FOUND');
    });

    it.each(['GET', 'PATCH', 'DELETE'])(
      'gets 403 for %s on somebody else, and on nobody alike',
      async (method) => {
        const [a, b] = [await service.newUser(), await service.newUser()];
        const body = method === 'PATCH' ? { name: 'Mallory' } : undefined;
        for (const id of [b.id, '00000000-0000-4000-8000-000000000000']) {
          const answer = await service.call(method, `/users/${id}`, {
            token: a.token,
            ...(body ? { body } : {}),
          });
          expect([answer.status, answer.body.code]).toEqual([403, 'AUTH_FORBIDDEN']);
        }
        expect((await service.call('GET', `/users/${b.id}`, { token: b.token })).body.name).toBe('Ada');
      },
    );

    it('may neither list nor create users', async () => {
      const { token } = await service.newUser();
      expect((await service.call('GET', '/users', { token })).status).toBe(403);
      const body = { email: 'n@example.org', name: 'N', password: 'long enough 1', role: 'admin' };
      expect((await service.call('POST', '/users', { token, body })).status).toBe(403);
    });
  });

  describe('an administrator', () => {
    it('pages through all users, each once, in the order of creation', async () => {
      for (let index = 0; index < 5; index += 1) await service.newUser();
      const seen: string[] = [];
      for (let cursor: unknown = ''; cursor !== null;) {
        const path = `/users?limit=2${cursor ? `&cursor=${String(cursor)}` : ''}`;
        const { body } = await service.call('GET', path, { token: adminToken });
        seen.push(...(body.items as { id: string }[]).map(({ id }) => id));
        cursor = body.nextCursor;
      }
      expect(seen.length).toBeGreaterThanOrEqual(5);
      expect(new Set(seen).size).toBe(seen.length);
    });

    it('creates users with a role', async () => {
      const body = { email: 'boss@example.org', name: 'Boss', password: 'long enough 1', role: 'admin' };
      const created = await service.call('POST', '/users', { token: adminToken, body });
      expect(created.body).toMatchObject({ role: 'admin' });
      const login = await service.call('POST', '/auth/login', {
        body: { email: body.email, password: body.password },
      });
      expect((await service.call('GET', '/users', { token: String(login.body.accessToken) })).status).toBe(
        200,
      );
    });
  });

  describe('wrong input', () => {
    const good = { email: 'w@example.org', name: 'W', password: 'long enough 1' };
    const wrongBodies: [what: string, body: unknown][] = [
      ['invalid JSON', '{"email":'],
      ['no body', undefined],
      ['a list', []],
      ['null', 'null'],
      ['no e-mail', { ...good, email: undefined }],
      ['an address without a domain', { ...good, email: 'w@' }],
      ['an address as a list', { ...good, email: ['w@example.org'] }],
      ['a short password', { ...good, password: 'short' }],
      ['a password of a megabyte', { ...good, password: 'x'.repeat(1_000_000) }],
      ['an empty name', { ...good, name: '   ' }],
      ['a NUL in the name', { ...good, name: 'W\0' }],
      ['half an emoji in the name', { ...good, name: '\uD83D' }],
      ['a phone number that is none', { ...good, phone: '12' }],
      ['a field nobody knows', { ...good, isAdmin: true }],
      ['a role, which only administrators give', { ...good, role: 'admin' }],
    ];
    it.each(wrongBodies)(
      'to register with %s is a 4xx problem, and nobody is created',
      async (_what, body) => {
        const answer = await service.call('POST', '/auth/register', body === undefined ? {} : { body });
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(answer.status).toBeLessThan(500);
        expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
        expect(answer.body.code).toMatch(/^VAL_/);
        expect(answer.body.traceId).toBe(answer.headers.get('x-trace-id'));
        const login = await service.call('POST', '/auth/login', {
          body: { email: good.email, password: good.password },
        });
        expect(login.status).toBe(401);
      },
    );

    it.each([
      ['GET', '/users/not-a-uuid'],
      ['GET', '/users?limit=0'],
      ['GET', '/users?limit=1000'],
      ['GET', '/users?limit=many'],
      ['GET', '/users?cursor=garbage'],
      ['GET', '/users?page=2'],
      ['GET', '/users?limit[]=2'],
      ['GET', '/users/%00'],
    ])('%s %s is a 400', async (method, path) => {
      const { status, body } = await service.call(method, path, { token: adminToken });
      expect([status, body.code]).toEqual([400, 'VAL_INVALID_INPUT']);
    });

    it.each([{}, { name: null }, { name: 'W\0' }, { email: 'other@example.org' }, { phone: 5 }])(
      'PATCH with %j is a 400',
      async (body) => {
        const { id, token } = await service.newUser();
        expect((await service.call('PATCH', `/users/${id}`, { token, body })).status).toBe(400);
      },
    );

    const routes: [method: string, path: string, good: Record<string, unknown>][] = [
      ['POST', '/auth/login', { email: 'w@example.org', password: 'long enough 1' }],
      ['POST', '/users', { email: 'w@example.org', name: 'W', password: 'long enough 1' }],
      ['POST', '/phone/validate', { phone: '+49 30 901820' }],
      ['PATCH', '/users/00000000-0000-4000-8000-000000000000', { name: 'W' }],
    ];
    const wrong: [what: string, of: (good: Record<string, unknown>) => unknown, status: number][] = [
      ['broken JSON', () => '{"a":', 400],
      ['null', () => 'null', 400],
      ['a number', () => '5', 400],
      ['a list', (good) => [good], 400],
      ['nothing in it', () => ({}), 400],
      ['a field nobody knows', (good) => ({ ...good, more: 1 }), 400],
      [
        'a poisoned prototype',
        (good) => `{"__proto__":{"role":"admin"},${JSON.stringify(good).slice(1)}`,
        400,
      ],
      ['a field of another kind', (good) => ({ ...good, [Object.keys(good)[0]!]: { $gt: '' } }), 400],
      ['65 KB', (good) => ({ ...good, more: 'x'.repeat(65 * 1_024) }), 413],
    ];
    it.each(
      routes.flatMap(([method, path, good]) =>
        wrong.map(([what, of, status]) => ({ method, path, what, body: of(good), status })),
      ),
    )('$method $path with $what is a problem', async ({ method, path, body, status }) => {
      const answer = await service.call(method, path, { token: adminToken, body });
      expect(answer.status).toBe(status);
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(answer.body.code).toMatch(/^VAL_/);
    });

    it('a route that is not there is a 404 problem', async () => {
      const { status, body } = await service.call('GET', '/nowhere');
      expect([status, body.code]).toEqual([404, 'RES_NOT_FOUND']);
    });
  });
});
