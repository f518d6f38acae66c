import { startPostgres } from 'kit-tooling/servers';
import { runChild } from 'kit-tooling/process';
import knexFactory from 'knex';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startService } from './service.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));
const main = new URL('../src/main.ts', import.meta.url);
const run = (env: Record<string, string>) =>
  runChild(main, {
    cwd: folder,
    env: {
      LOG_LEVEL: 'info',
      LOG_CONSOLE: 'json',
      USER_PORT: '0',
      DATA_DIR: mkdtempSync(join(tmpdir(), 'kit-users-')),
      ...env,
    },
  });

describe('what operators see', () => {
  it('answers probes, metrics with route templates, and every header that belongs', async () => {
    const service = await startService();
    const { id, token } = await service.newUser();
    const answer = await service.call('GET', `/users/${id}`, { token });
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{8}$/);
    for (const path of ['/health', '/health/live', '/health/ready']) {
      expect((await service.call('GET', path)).status).toBe(200);
    }
    const page = await (await fetch(`${service.url}/metrics`)).text();
    expect(page).toMatch(/http_requests_total\{[^}]*route="\/users\/:id"[^}]*\} 1/);
    expect(page).not.toContain(id);
    await service.close();
  });
});

describe('a start that cannot succeed ends with one clear message and code 1', () => {
  it('lists every problem of the configuration', async () => {
    const child = run({ USER_PORT: 'eighty', LOG_LEVEL: 'loud', ADMIN_TOKEN: 'short' });
    expect((await child.exited).code).toBe(1);
    for (const name of ['USER_PORT', 'LOG_LEVEL', 'ADMIN_TOKEN']) expect(child.stderr).toContain(name);
    expect(child.stderr).not.toContain(' at ');
  });

  it('names a port that is taken', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as { port: number };
    const child = run({ USER_PORT: String(port) });
    expect((await child.exited).code).toBe(1);
    expect(child.stderr).toMatch(new RegExp(`user-service: .*${port}`));
    blocker.close();
  });

  it('refuses the database of another domain before it touches it', async () => {
    const postgres = await startPostgres();
    const root = knexFactory({ client: 'pg', connection: postgres.url });
    await root.raw('create database payments');
    await root.raw('create database users');
    await root.destroy();
    const urlOf = (name: string) => postgres.url.replace(/\/postgres$/, `/${name}`);

    const child = run({ USER_DATABASE_URL: urlOf('payments') });
    expect((await child.exited).code).toBe(1);
    expect(child.stderr).toMatch(/payments/);
    const payments = knexFactory({ client: 'pg', connection: urlOf('payments') });
    expect(await payments.schema.hasTable('users')).toBe(false);
    await payments.destroy();

    const service = await startService({ USER_DATABASE_URL: urlOf('users') });
    const { id, token } = await service.newUser();
    expect((await service.call('GET', `/users/${id}`, { token })).status).toBe(200);
    await service.close();
    await postgres.stop();
  });
});
