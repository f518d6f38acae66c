import { afterEach, describe, expect, it } from 'vitest';
import { ask, mounts, postForm, type Started, startConsole, token, visit } from './server.ts';

const form = 'application/x-www-form-urlencoded';

let started: Started | undefined;
afterEach(async () => {
  await started?.stop();
  started = undefined;
});

describe.each(mounts)('the console on %s', (mount) => {
  it('lets in who has the token, shows the page, and lets out again', async () => {
    started = await startConsole({}, mount);
    const { url } = started;
    const closed = await ask(url, '');
    expect(closed.status).toBe(303);
    expect(closed.headers.get('location')).toBe('/admin/console/login');
    expect((await ask(url, '/login')).text).toContain('Admin token');

    const { cookie, csrf } = await visit(url);
    const page = await ask(url, '', { headers: { cookie } });
    expect(page.status).toBe(200);
    expect(page.text).toContain('test-service');
    expect((await ask(url, '/', { headers: { cookie } })).status).toBe(200);

    const out = await postForm(url, '/logout', { csrf }, { cookie });
    expect(out.status).toBe(303);
    expect(out.headers.get('set-cookie')).toContain('Max-Age=0');
    // The cookie is worth nothing any more, wherever somebody has kept it.
    expect((await ask(url, '', { headers: { cookie } })).status).toBe(303);
    expect((await ask(url, '/events', { headers: { cookie } })).status).toBe(401);
  });

  it('leaves every other path to the service', async () => {
    started = await startConsole({}, mount);
    expect(await (await fetch(started.url)).text()).toBe('hello');
    const neighbour = await fetch(`${started.url}/admin/consoles`);
    expect(await neighbour.text()).not.toContain('Admin token');
  });
});

describe('a login', () => {
  it.each([
    ['another token', { token: 'not-the-admin-token' }, 401],
    ['an empty token', { token: '' }, 401],
    ['no token', { other: 'x' }, 401],
    ['the token in other case', { token: token.toUpperCase() }, 401],
    ['part of the token', { token: token.slice(0, -1) }, 401],
    ['a body that is too large', { token: 'x'.repeat(9_000) }, 413],
  ])('with %s gets no session', async (_, fields: Record<string, string>, status) => {
    started = await startConsole();
    const refused = await postForm(started.url, '/login', fields);
    expect(refused.status).toBe(status);
    expect(refused.headers.get('set-cookie')).toBeNull();
    expect(started.audited.filter(({ status }) => status === 303)).toEqual([]);
  });

  it.each([
    ['JSON', { 'content-type': 'application/json' }, 415],
    ['no type at all', {}, 415],
    ['an origin of another site', { 'content-type': form, origin: 'https://evil.example' }, 403],
    ['an opaque origin', { 'content-type': form, origin: 'null' }, 403],
    [
      'a browser that says it comes from elsewhere',
      { 'content-type': form, 'sec-fetch-site': 'cross-site' },
      403,
    ],
    [
      'a browser that says it comes from a sibling',
      { 'content-type': form, 'sec-fetch-site': 'same-site' },
      403,
    ],
  ])('with %s is refused even with the right token', async (_, headers: Record<string, string>, status) => {
    started = await startConsole();
    const body = new TextEncoder().encode(new URLSearchParams({ token }).toString());
    const refused = await ask(started.url, '/login', { method: 'POST', body, headers });
    expect(refused.status).toBe(status);
    expect(refused.headers.get('set-cookie')).toBeNull();
  });

  it('gives a cookie that scripts cannot read, other sites cannot send, and that is not the token', async () => {
    started = await startConsole();
    const { headers } = await postForm(started.url, '/login', { token }, { origin: started.url });
    const cookie = headers.get('set-cookie')!;
    expect(cookie).toMatch(/; HttpOnly/);
    expect(cookie).toMatch(/; SameSite=Strict/);
    expect(cookie).toMatch(/; Path=\/admin\/console/);
    expect(cookie).toMatch(/; Max-Age=28800/);
    expect(cookie).not.toMatch(/; Secure/);
    expect(cookie).not.toContain(token);
  });

  it('gives a Secure cookie to who came by https', async () => {
    started = await startConsole();
    const { server, console } = started;
    server.removeAllListeners('request');
    server.on('request', (req, res) => void console.handle(req, res, { secure: true }));
    const { headers } = await postForm(started.url, '/login', { token });
    expect(headers.get('set-cookie')).toMatch(/; Secure/);
  });

  it('that fails too often makes the address wait, even with the right token, and then works', async () => {
    let shift = 0;
    started = await startConsole({
      maxLoginFailures: 3,
      loginWindowMs: 60_000,
      now: () => Date.now() + shift,
    });
    const { url } = started;
    for (let n = 0; n < 3; n += 1)
      expect((await postForm(url, '/login', { token: 'wrong' })).status).toBe(401);
    const refused = await postForm(url, '/login', { token });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('set-cookie')).toBeNull();
    shift = 61_000;
    expect((await postForm(url, '/login', { token })).status).toBe(303);
  });

  it('is in the audit log, without the token', async () => {
    started = await startConsole();
    await postForm(started.url, '/login', { token: 'wrong-token-of-somebody' });
    await visit(started.url);
    expect(started.audited).toMatchObject([
      { action: 'console.login', status: 401, method: 'POST', path: '/admin/console/login', ip: '127.0.0.1' },
      { action: 'console.login', status: 303, userId: expect.stringMatching(/^console:/) },
    ]);
    expect(JSON.stringify(started.audited)).not.toMatch(/wrong-token|an-admin-token/);
  });

  it('works for nobody in a service without an admin token', async () => {
    started = await startConsole({ token: undefined });
    expect((await ask(started.url, '/login')).text).toContain('nobody can log in');
    for (const given of ['', 'undefined', token]) {
      expect((await postForm(started.url, '/login', { token: given })).status).toBe(401);
    }
  });
});

describe('a session', () => {
  it.each([
    ['an invented cookie', 'kit_console=abc'],
    ['the token itself', `kit_console=${token}`],
    ['an empty cookie', 'kit_console='],
    ['a forged signature', `kit_console=${'a'.repeat(22)}.9999999999999.${'b'.repeat(43)}`],
    ['another cookie', 'session=1; theme=dark'],
  ])('is not %s', async (_, cookie) => {
    started = await startConsole();
    expect((await ask(started.url, '', { headers: { cookie } })).status).toBe(303);
    expect((await ask(started.url, '/events', { headers: { cookie } })).status).toBe(401);
    const init = { method: 'POST', headers: { cookie, 'content-type': 'application/json' }, body: '{}' };
    expect((await ask(started.url, '/sagas/1/resolve', init)).status).toBe(401);
  });

  it('cannot be prolonged by who holds the cookie', async () => {
    started = await startConsole();
    const { cookie } = await visit(started.url);
    const [id, expires, signature] = cookie.replace('kit_console=', '').split('.');
    const longer = `kit_console=${id}.${Number(expires) + 1_000}.${signature}`;
    expect((await ask(started.url, '', { headers: { cookie: longer } })).status).toBe(303);
  });

  it('ends with its time', async () => {
    let shift = 0;
    started = await startConsole({ sessionMs: 60_000, now: () => Date.now() + shift });
    const { cookie } = await visit(started.url);
    expect((await ask(started.url, '', { headers: { cookie } })).status).toBe(200);
    shift = 61_000;
    expect((await ask(started.url, '', { headers: { cookie } })).status).toBe(303);
  });

  it('survives a restart, and ends when the token is changed', async () => {
    started = await startConsole();
    const { cookie } = await visit(started.url);
    await started.stop();
    started = await startConsole();
    expect((await ask(started.url, '', { headers: { cookie } })).status).toBe(200);
    await started.stop();
    started = await startConsole({ token: 'the-next-admin-token' });
    expect((await ask(started.url, '', { headers: { cookie } })).status).toBe(303);
  });
});

describe('every answer', () => {
  it.each(['/login', '', '/assets/console.css', '/events', '/nothing'])(
    'of %s has a strict policy',
    async (path) => {
      started = await startConsole();
      const { cookie } = await visit(started.url);
      const init = { headers: { cookie }, signal: AbortSignal.timeout(10_000) };
      const { headers, body } = await fetch(`${started.url}/admin/console${path}`, init);
      await body?.cancel();
      const policy = headers.get('content-security-policy')!;
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|\*|data:/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toMatch(path.startsWith('/assets') ? /no-cache/ : /no-store/);
    },
  );

  it('asks for nothing from anywhere else, and has no inline code', async () => {
    started = await startConsole();
    const { cookie } = await visit(started.url);
    for (const path of ['', '/login']) {
      const { text } = await ask(started.url, path, path === '' ? { headers: { cookie } } : {});
      expect(text).not.toMatch(/https?:\/\/|<script(?![^>]* src=)|<style| style=| on\w+=/);
    }
  });

  it.each([
    ['GET', '/logout', 405],
    ['PUT', '/login', 405],
    ['POST', '', 405],
    ['DELETE', '/events', 405],
    ['GET', '/sagas/1/resolve', 405],
    ['GET', '/assets/..%2fconsole.ts', 404],
    ['GET', '/assets/../console.ts', 404],
    ['GET', '/assets/console.html', 404],
    ['GET', '/__proto__', 404],
    ['GET', '/constructor', 404],
    ['GET', '/sagas', 404],
  ])('%s %s is %i', async (method, path, status) => {
    started = await startConsole();
    const { cookie } = await visit(started.url);
    const answer = await ask(started.url, path, { method, headers: { cookie } });
    expect(answer.status).toBe(status);
    expect(answer.headers.has('allow')).toBe(status === 405);
  });

  it('does not send a file again that the browser has', async () => {
    started = await startConsole();
    const { headers } = await ask(started.url, '/assets/main.js');
    expect(headers.get('content-type')).toContain('text/javascript');
    const again = await ask(started.url, '/assets/main.js', {
      headers: { 'if-none-match': headers.get('etag')! },
    });
    expect(again).toMatchObject({ status: 304, text: '' });
  });
});
