import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import knexFactory, { type Knex } from 'knex';
import { hasServer, startMariaDb, startPostgres, type TestServer } from 'kit-tooling/servers';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toAppError, toProblem } from '../src/index.js';

/** What a statement that has to fail was rejected with. */
async function failureOf(work: PromiseLike<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('the statement should have failed');
}

function failureOfSync(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('the statement should have failed');
}

/** The mapped error, after a look that no caller would see a row, a column or a statement. */
function mapped(error: unknown) {
  const body = JSON.stringify(toProblem(error, { path: '/v1/users', method: 'POST' }));
  expect(body).not.toMatch(/@example|parents|email|insert|select|constraint|sqlite|127\.0\.0\.1/i);
  return toAppError(error);
}

async function createTables(knex: Knex): Promise<void> {
  await knex.schema.createTable('parents', (table) => void table.integer('id').primary());
  await knex.raw(`create table users (
    id integer not null primary key, email varchar(100) not null unique, age integer not null default 1 check (age > 0),
    parent_id integer references parents (id) on delete restrict)${
      knex.client.config.client === 'mysql2' ? ' engine=InnoDB' : ''
    }`);
  await knex('parents').insert([{ id: 1 }, { id: 2 }]);
  await knex('users').insert([
    { id: 1, email: 'ann@example.com', parent_id: 1 },
    { id: 2, email: 'ben@example.com' },
  ]);
}

/** Two transactions that each want what the other holds; resolves with what one of them failed with. */
async function deadlock(knex: Knex): Promise<unknown> {
  const first = await knex.transaction();
  const second = await knex.transaction();
  await first('users').where({ id: 1 }).update({ age: 2 });
  await second('users').where({ id: 2 }).update({ age: 2 });
  const results = await Promise.allSettled([
    first('users').where({ id: 2 }).update({ age: 3 }),
    second('users').where({ id: 1 }).update({ age: 3 }),
  ]);
  await Promise.allSettled([first.rollback(), second.rollback()]);
  const failed = results.find((result) => result.status === 'rejected');
  expect(failed).toBeDefined();
  return failed!.reason as unknown;
}

/** The constraints are the same everywhere; what the drivers throw is not. */
function itMapsConstraints(knexOf: () => Knex): void {
  it.each([
    ['a second row with a unique value', { id: 3, email: 'ann@example.com' }, 'RES_ALREADY_EXISTS', 409],
    ['a second row with a primary key', { id: 1, email: 'cyd@example.com' }, 'RES_ALREADY_EXISTS', 409],
    ['null where none may be', { id: 3, email: null }, 'VAL_INVALID_INPUT', 400],
    ['a column left out', { id: 3 }, 'VAL_INVALID_INPUT', 400],
    [
      'a value that its check refuses',
      { id: 3, email: 'cyd@example.com', age: -1 },
      'VAL_INVALID_INPUT',
      400,
    ],
    ['a parent that does not exist', { id: 3, email: 'cyd@example.com', parent_id: 99 }, 'RES_CONFLICT', 409],
  ])('maps %s', async (_case, row, code, status) => {
    const error = await failureOf(knexOf()('users').insert(row));
    expect(mapped(error)).toMatchObject({ code, status, cause: error });
  });

  it('maps the deletion of a row that others refer to', async () => {
    expect(mapped(await failureOf(knexOf()('parents').where({ id: 1 }).delete())).code).toBe('RES_CONFLICT');
  });

  it('maps every other SQL error to SYS_DATABASE_ERROR', async () => {
    expect(mapped(await failureOf(knexOf().raw('select nope from nowhere'))).code).toBe('SYS_DATABASE_ERROR');
    expect(mapped(await failureOf(knexOf().raw('selec 1'))).code).toBe('SYS_DATABASE_ERROR');
  });
}

describe('toAppError, PostgreSQL', () => {
  let server: TestServer;
  let knex: Knex;
  beforeAll(async () => {
    server = await startPostgres({ settings: { deadlock_timeout: '50ms', max_connections: '20' } });
    knex = knexFactory({
      client: 'pg',
      connection: server.url,
      pool: { min: 0, max: 4 },
    });
    await createTables(knex);
  });
  afterAll(async () => {
    await knex?.destroy();
    await server?.stop();
  });

  itMapsConstraints(() => knex);

  it('maps a deadlock to SYS_UNAVAILABLE, which may be tried again', async () => {
    const error = await deadlock(knex);
    expect(error).toMatchObject({ code: '40P01' });
    expect(mapped(error)).toMatchObject({ code: 'SYS_UNAVAILABLE', status: 503, retryable: true });
  });

  it('maps a serialization failure to SYS_UNAVAILABLE', async () => {
    const first = await knex.transaction({ isolationLevel: 'serializable' });
    const second = await knex.transaction({ isolationLevel: 'serializable' });
    for (const transaction of [first, second]) await transaction('users').sum('age');
    await first('users').where({ id: 1 }).update({ age: 7 });
    await first.commit();
    const error = await failureOf(second('users').where({ id: 1 }).update({ age: 8 }));
    await second.rollback();
    expect(error).toMatchObject({ code: '40001' });
    expect(mapped(error)).toMatchObject({ code: 'SYS_UNAVAILABLE', retryable: true });
  });

  it('maps a statement timeout to SYS_DATABASE_ERROR', async () => {
    const error = await knex
      .transaction(async (transaction) => {
        await transaction.raw('set local statement_timeout = 50');
        return failureOf(transaction.raw('select pg_sleep(10)'));
      })
      .catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: '57014' });
    expect(mapped(error).code).toBe('SYS_DATABASE_ERROR');
  });

  it('maps a pool that is exhausted, which knex tells by name only', async () => {
    const small = knexFactory({
      client: 'pg',
      connection: server.url,
      log: { warn() {}, error() {}, debug() {}, deprecate() {} },
      pool: { min: 0, max: 1 },
      acquireConnectionTimeout: 2_000,
    });
    const holder = await small.transaction();
    const error = await failureOf(small('users').select());
    await holder.rollback();
    await small.destroy();
    expect(error).toMatchObject({ name: 'KnexTimeoutError' });
    expect(mapped(error)).toMatchObject({ code: 'SYS_UNAVAILABLE', retryable: true });
  });

  it("maps the exhaustion of the driver's own pool and a database that does not exist", async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 1, connectionTimeoutMillis: 2_000 });
    const client = await pool.connect();
    const error = await failureOf(pool.query('select 1'));
    client.release();
    await pool.end();
    expect(mapped(error).code).toBe('SYS_UNAVAILABLE');
    const stranger = new pg.Client({ connectionString: server.url.replace('/postgres', '/nothing-here') });
    expect(mapped(await failureOf(stranger.connect())).code).toBe('SYS_DATABASE_ERROR');
  });

  it('maps a server that is killed in the middle of a query, and one that is not there', async () => {
    const own = await startPostgres();
    const raw = new pg.Client({ connectionString: own.url });
    raw.on('error', () => {});
    const throughKnex = knexFactory({ client: 'pg', connection: own.url, pool: { min: 0, max: 1 } });
    await raw.connect();
    await throughKnex.raw('select 1');
    const failures = [
      failureOf(raw.query('select pg_sleep(30)')),
      failureOf(throughKnex.raw('select pg_sleep(30)')),
    ];
    await delay(200);
    await own.kill();
    for (const failure of failures) {
      expect(mapped(await failure)).toMatchObject({ code: 'SYS_UNAVAILABLE', retryable: true });
    }
    const refused = await failureOf(new pg.Client({ connectionString: own.url }).connect());
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
    expect(mapped(refused).code).toBe('SYS_UNAVAILABLE');
    await throughKnex.destroy();
    await own.stop();
  });

  it('maps a backend that an operator ended', async () => {
    const client = new pg.Client({ connectionString: server.url });
    client.on('error', () => {});
    await client.connect();
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const failure = failureOf(client.query('select pg_sleep(30)'));
    await delay(50);
    await knex.raw('select pg_terminate_backend(?)', [rows[0]!.pid]);
    expect(mapped(await failure).code).toBe('SYS_UNAVAILABLE');
  });
});

describe.runIf(hasServer('mariadb'))('toAppError, MariaDB', () => {
  let server: TestServer;
  let knex: Knex;
  beforeAll(async () => {
    server = await startMariaDb({ settings: { 'innodb-lock-wait-timeout': '3' } });
    knex = knexFactory({ client: 'mysql2', connection: server.url, pool: { min: 0, max: 4 } });
    await createTables(knex);
  });
  afterAll(async () => {
    await knex?.destroy();
    await server?.stop();
  });

  itMapsConstraints(() => knex);

  it('maps a deadlock to SYS_UNAVAILABLE, which may be tried again', async () => {
    const error = await deadlock(knex);
    expect(error).toMatchObject({ errno: 1213 });
    expect(mapped(error)).toMatchObject({ code: 'SYS_UNAVAILABLE', status: 503, retryable: true });
  });

  it('maps a lock that was waited for in vain', async () => {
    const holder = await knex.transaction();
    await holder('users').where({ id: 1 }).update({ age: 5 });
    const error = await failureOf(knex('users').where({ id: 1 }).update({ age: 6 }));
    await holder.rollback();
    expect(error).toMatchObject({ errno: 1205 });
    expect(mapped(error)).toMatchObject({ code: 'SYS_UNAVAILABLE', retryable: true });
  });

  it('maps a statement timeout to SYS_DATABASE_ERROR', async () => {
    const statement =
      'set statement max_statement_time = 0.05 for select sleep(10) from users, users as others';
    const error = await failureOf(knex.raw(statement));
    expect(error).toMatchObject({ errno: 1969 });
    expect(mapped(error).code).toBe('SYS_DATABASE_ERROR');
  });

  it('maps a server that is killed in the middle of a query, and one that is not there', async () => {
    const own = await startMariaDb();
    const connection = await mysql.createConnection(own.url);
    connection.on('error', () => {});
    const failure = failureOf(connection.query('select sleep(30)'));
    await delay(200);
    await own.kill();
    expect(mapped(await failure)).toMatchObject({ code: 'SYS_UNAVAILABLE', retryable: true });
    expect(mapped(await failureOf(connection.query('select 1'))).code).toBe('SYS_UNAVAILABLE');
    const refused = await failureOf(mysql.createConnection(own.url));
    expect(mapped(refused).code).toBe('SYS_UNAVAILABLE');
    await own.stop();
  });

  it('maps a connection that an operator ended, and a pool with no room in its queue', async () => {
    const connection = await mysql.createConnection(server.url);
    connection.on('error', () => {});
    const failure = failureOf(connection.query('select sleep(30)'));
    await delay(50);
    await knex.raw(`kill ${connection.threadId}`);
    expect(mapped(await failure).code).toBe('SYS_UNAVAILABLE');

    const pool = mysql.createPool({ uri: server.url, connectionLimit: 1, queueLimit: 1 });
    const holder = await pool.getConnection();
    const waiting = pool.getConnection();
    expect(mapped(await failureOf(pool.getConnection())).code).toBe('SYS_UNAVAILABLE');
    holder.release();
    (await waiting).release();
    await pool.end();
  });
});

describe('toAppError, better-sqlite3', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kit-errors-'));
  const filename = join(folder, 'shop.db');
  let knex: Knex;
  beforeAll(async () => {
    knex = knexFactory({ client: 'better-sqlite3', connection: { filename }, useNullAsDefault: true });
    await knex.raw('pragma foreign_keys = on');
    await createTables(knex);
  });
  afterAll(async () => {
    await knex.destroy();
    rmSync(folder, { recursive: true });
  });

  itMapsConstraints(() => knex);

  it('maps a database that another connection has locked', async () => {
    const other = knexFactory({
      client: 'better-sqlite3',
      connection: { filename, options: { timeout: 1 } } as never,
      useNullAsDefault: true,
      pool: {
        min: 1,
        max: 1,
        afterCreate: (db: { pragma(text: string): void }, done: () => void) => (
          db.pragma('busy_timeout = 1'),
          done()
        ),
      },
    });
    const holder = await knex.transaction();
    await holder('users').where({ id: 1 }).update({ age: 9 });
    const error = await failureOf(other('users').where({ id: 1 }).update({ age: 10 }));
    await holder.rollback();
    await other.destroy();
    expect(error).toMatchObject({ code: 'SQLITE_BUSY' });
    expect(mapped(error)).toMatchObject({ code: 'SYS_UNAVAILABLE', retryable: true });
  });
});

describe('toAppError, node:sqlite', () => {
  const database = new DatabaseSync(':memory:');
  database.exec(`create table parents (id integer primary key);
    create table users (id integer primary key, email text not null unique, age integer check (age > 0),
      parent_id integer references parents (id));
    insert into users values (1, 'ann@example.com', 3, null)`);
  afterAll(() => database.close());

  it.each([
    [`insert into users values (2, 'ann@example.com', 3, null)`, 2067, 'RES_ALREADY_EXISTS'],
    [`insert into users values (1, 'cyd@example.com', 3, null)`, 1555, 'RES_ALREADY_EXISTS'],
    [`insert into users values (2, null, 3, null)`, 1299, 'VAL_INVALID_INPUT'],
    [`insert into users values (2, 'cyd@example.com', -3, null)`, 275, 'VAL_INVALID_INPUT'],
    [`insert into users values (2, 'cyd@example.com', 3, 99)`, 787, 'RES_CONFLICT'],
    [`selec 1`, 1, 'SYS_DATABASE_ERROR'],
  ])('maps %s', (statement, errcode, code) => {
    const error = failureOfSync(() => database.exec(statement));
    expect(error).toMatchObject({ errcode });
    expect(mapped(error).code).toBe(code);
  });

  it('maps a database that another connection has locked', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kit-errors-'));
    const first = new DatabaseSync(join(folder, 'shop.db'));
    const second = new DatabaseSync(join(folder, 'shop.db'));
    first.exec('create table t (id integer); begin immediate; insert into t values (1)');
    const error = failureOfSync(() => second.exec('insert into t values (2)'));
    first.exec('rollback');
    first.close();
    second.close();
    rmSync(folder, { recursive: true });
    expect(error).toMatchObject({ errcode: 5 });
    expect(mapped(error)).toMatchObject({ code: 'SYS_UNAVAILABLE', retryable: true });
  });
});
