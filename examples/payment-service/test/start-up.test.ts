import { freePort } from 'kit-tooling/servers';
import { runChild } from 'kit-tooling/process';
import knexFactory, { type Knex } from 'knex';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrationSource as userMigrations } from '../../user-service/src/migrations.ts';

const main = new URL('../src/main.ts', import.meta.url);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kit-start-up-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (env: Record<string, string>) =>
  runChild(main, {
    env: {
      DATA_DIR: folder,
      PAYMENT_PORT: '0',
      DATABASE_URL: '',
      LOG_LEVEL: 'warn',
      SHUTDOWN_DELAY_MS: '0',
      ...env,
    },
  });

describe('a payment-service that cannot start', () => {
  const nowhere = async () => `postgres://kit@127.0.0.1:${await freePort()}/kit`;
  it.each([
    ['a port that is none', async () => ({ PAYMENT_PORT: 'eighty' }), /PAYMENT_PORT/],
    [
      'a DATABASE_URL of another kind',
      async () => ({ DATABASE_URL: 'mongodb://localhost/x' }),
      /DATABASE_URL must begin/,
    ],
    [
      'a DATABASE_URL that leads nowhere',
      async () => ({ DATABASE_URL: await nowhere() }),
      /cannot use the database/,
    ],
    [
      'a data folder that is a file',
      async () => ({ DATA_DIR: fileIn(folder) }),
      /cannot write to the data folder/,
    ],
    [
      'two mistakes at once',
      async () => ({ PAYMENT_PORT: '-1', ORDER_URL: 'nonsense' }),
      /PAYMENT_PORT.*ORDER_URL/,
    ],
  ])('because of %s says so in one line and exits 1', async (_what, env, line) => {
    const child = run(await env());
    expect(await child.exited).toEqual({ code: 1, signal: null });
    expect(child.stderr).toMatch(line);
    expect(child.stderr.trim().split('\n')).toHaveLength(1);
  });

  it('because its port is taken says so in one line and exits 1', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const child = run({ PAYMENT_PORT: String(port) });
    expect(await child.exited).toEqual({ code: 1, signal: null });
    expect(child.stderr.trim()).toBe(
      `payment-service: port ${port} is taken; set PAYMENT_PORT to another one`,
    );
    other.close();
  });

  it.each([
    [
      'says whose it is',
      async (knex: Knex) => {
        await knex.schema.createTable('database_owner', (table) => table.string('service', 60));
        await knex('database_owner').insert({ service: 'user-service' });
      },
    ],
    [
      'has the tables of user-service',
      (knex: Knex) => knex.migrate.latest({ migrationSource: userMigrations }).then(() => {}),
    ],
  ])(
    "because it was pointed at another service's database, which %s, refuses and touches nothing",
    async (what, prepare) => {
      const filename = join(folder, `${what}.sqlite`);
      const knex = knexFactory({
        client: 'better-sqlite3',
        connection: { filename },
        useNullAsDefault: true,
      });
      await prepare(knex);
      const child = run({ DATABASE_URL: `sqlite:${filename}` });
      expect(await child.exited).toEqual({ code: 1, signal: null });
      expect(child.stderr).toContain('the database belongs to user-service');
      expect(await knex.schema.hasTable('payments')).toBe(false);
      await knex.destroy();
    },
  );
});

describe('a payment-service that stops', () => {
  it('goes down at SIGTERM with code 0 and finishes what it is doing', async () => {
    const port = await freePort();
    const child = run({ PAYMENT_PORT: String(port), LOG_LEVEL: 'info' });
    await child.waitFor('listens on');
    expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200);
    child.signal('SIGTERM');
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });
});

function fileIn(parent: string): string {
  const file = join(parent, 'a-file');
  writeFileSync(file, '');
  return file;
}
