import { hasServer, startMariaDb, startPostgres, type TestServer } from 'kit-tooling/servers';
import { createClock } from 'kit-tooling/clock';
import { EventEmitter } from 'node:events';
import pg from 'pg';
import knexFactory, { type Knex } from 'knex';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createHealth, type Health, knexCheck } from '../src/index.js';
import type { PoolLike } from '../src/knex-pool.js';
import { contextOf, freeze } from './fakes.js';

const engines = [
  { engine: 'PostgreSQL', client: 'pg', start: startPostgres, runs: true },
  { engine: 'MariaDB', client: 'mysql2', start: startMariaDb, runs: hasServer('mariadb') },
];

describe.each(engines.filter(({ runs }) => runs))('knexCheck on $engine', ({ client, start }) => {
  let server: TestServer;
  const open: { destroy(): Promise<void>; health: Health }[] = [];

  beforeAll(async () => {
    server = await start();
  });
  afterEach(async () => {
    server.thaw();
    for (const { destroy, health } of open.splice(0)) {
      health.close();
      await destroy();
    }
  });
  afterAll(() => server?.stop());

  const connect = (max = 4, timeoutMs = 20_000) => {
    const db = knexFactory({
      client,
      connection: server.url,
      pool: { min: 0, max },
      // A server that dies on purpose is no news.
      log: { warn() {}, error() {}, debug() {}, deprecate() {} },
    });
    const health = createHealth({ ttlMs: 0, timeoutMs }).add(
      knexCheck(db, { acquireTimeoutMs: 300, connectTimeoutMs: 15_000 }),
    );
    open.push({ destroy: () => db.destroy(), health });
    return { db, health };
  };
  const checkOf = async (health: Health) => (await health.report()).checks[0]!;

  it('is healthy and tells of its pool', async () => {
    const { health } = connect();
    expect(await checkOf(health)).toMatchObject({ name: 'database', status: 'healthy' });
    expect((await checkOf(health)).metadata).toEqual({
      open: 1,
      inUse: 0,
      max: 4,
      waiting: 0,
      recentWaits: 0,
    });
  });

  it('is degraded, not down, while the pool is exhausted, and waits no longer than its own patience', async () => {
    const { db, health } = connect(2);
    const held = await Promise.all([db.transaction(), db.transaction()]);
    const check = await checkOf(health);
    expect(check).toMatchObject({
      status: 'degraded',
      message: 'the pool is exhausted: no connection within 300 ms',
      metadata: { open: 2, inUse: 2, max: 2, waiting: 0 },
    });
    await Promise.all(held.map((trx) => trx.rollback()));
    expect(await checkOf(health)).toMatchObject({ status: 'healthy', metadata: { inUse: 0, waiting: 0 } });
  });

  it('is unhealthy while the server is frozen, with one query outstanding, and recovers when it thaws', async () => {
    const { db, health } = connect(4, 2_000);
    await db.raw('select 1');
    expect((await checkOf(health)).status).toBe('healthy');
    await freeze(server);
    expect(await checkOf(health)).toMatchObject({ status: 'unhealthy', message: 'timeout after 2000 ms' });
    const later = await checkOf(health);
    expect(later.status).toBe('unhealthy');
    const { pool } = db.client as { pool: { numUsed(): number; numPendingAcquires(): number } };
    expect(pool.numUsed()).toBeLessThanOrEqual(1);
    expect(pool.numPendingAcquires()).toBeLessThanOrEqual(1);
    server.thaw();
    await expect.poll(async () => (await checkOf(health)).status).toBe('healthy');
  });

  it('is unhealthy with a code and no address while the server is gone, and recovers after a restart', async () => {
    const { health } = connect();
    expect((await checkOf(health)).status).toBe('healthy');
    await server.kill();
    await expect.poll(async () => (await checkOf(health)).message).toMatch(/^ECONNREFUSED$/);
    expect((await checkOf(health)).status).toBe('unhealthy');
    await server.restart();
    await expect.poll(async () => (await checkOf(health)).status).toBe('healthy');
  });
});

describe('knexCheck on a pg.Pool that knex was given', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.stop());

  it('reads its numbers, is degraded while it is exhausted, asks only once meanwhile, and recovers', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 2 });
    // The server may be quicker to end a connection than the pool.
    pool.on('error', () => {}).on('connect', (client) => void client.on('error', () => {}));
    const db = knexFactory({ client: 'pg', connectionPool: pool });
    const check = knexCheck(db, { acquireTimeoutMs: 100 });
    expect(await check.check(contextOf())).toMatchObject({ status: 'healthy' });
    const held = await Promise.all([pool.connect(), pool.connect()]);
    for (let probe = 0; probe < 3; probe += 1)
      expect(await check.check(contextOf())).toMatchObject({
        status: 'degraded',
        metadata: { inUse: 2, max: 2 },
      });
    expect(pool.waitingCount).toBe(1);
    for (const client of held) client.release();
    await expect.poll(() => pool.idleCount).toBe(2);
    expect(await check.check(contextOf())).toMatchObject({
      status: 'healthy',
      metadata: { inUse: 0, waiting: 0 },
    });
    check.close?.();
    await db.destroy();
    await pool.end();
  });
});

describe('knexCheck on SQLite', () => {
  let db: Knex;
  beforeAll(() => {
    db = knexFactory({ client: 'better-sqlite3', connection: ':memory:', useNullAsDefault: true });
  });
  afterAll(() => db.destroy());

  it('is healthy although its one connection is always all of them', async () => {
    const check = knexCheck(db);
    expect(await check.check(contextOf())).toMatchObject({ status: 'healthy', metadata: { max: 1 } });
    check.close?.();
  });

  it('is degraded while a transaction holds the one connection', async () => {
    const check = knexCheck(db, { acquireTimeoutMs: 50 });
    const trx = await db.transaction();
    expect(await check.check(contextOf())).toMatchObject({
      status: 'degraded',
      metadata: { inUse: 1, max: 1 },
    });
    await trx.rollback();
    expect(await check.check(contextOf())).toMatchObject({ status: 'healthy' });
    check.close?.();
  });
});

/** A pool of the shape of tarn's whose numbers a test sets. */
class FakePool extends EventEmitter implements PoolLike {
  used = 0;
  free = 0;
  pending = 0;
  max = 10;
  numUsed = () => this.used;
  numFree = () => this.free;
  numPendingAcquires = () => this.pending;
}

describe('knexCheck, the pool', () => {
  const setUp = () => {
    const pool = new FakePool();
    const state = { pings: 0, failure: undefined as Error | undefined };
    const knex = {
      client: { pool },
      raw: async () => {
        state.pings += 1;
        if (state.failure) throw state.failure;
      },
    };
    return { pool, state, check: knexCheck(knex) };
  };

  it('is degraded above 90 % in use, not at 90 %', async () => {
    const { pool, check } = setUp();
    pool.max = 100;
    pool.used = 90;
    expect(await check.check(contextOf())).toMatchObject({ status: 'healthy' });
    pool.used = 91;
    expect(await check.check(contextOf())).toMatchObject({ status: 'degraded' });
  });

  it('does not join the queue of an exhausted pool it could not leave', async () => {
    const { pool, state, check } = setUp();
    pool.used = 10;
    pool.pending = 3;
    expect(await check.check(contextOf())).toMatchObject({ status: 'degraded', metadata: { waiting: 3 } });
    expect(state.pings).toBe(0);
  });

  it('is degraded after more than 100 waits in 60 s and healthy again after a bad hour', async () => {
    const clock = createClock(5_000_000);
    const { pool, check } = setUp();
    const status = async () => (await check.check(contextOf(clock.now))) as { status: string };
    pool.pending = 1;
    for (let wait = 0; wait < 100; wait += 1) pool.emit('acquireRequest');
    expect(await status()).toMatchObject({ status: 'healthy', metadata: { recentWaits: 100 } });
    pool.emit('acquireRequest');
    expect(await status()).toMatchObject({
      status: 'degraded',
      message: '101 waits for a connection in the last 60 s',
    });
    for (let second = 0; second < 3_600; second += 1) {
      clock.advance(1_000);
      for (let wait = 0; wait < 20; wait += 1) pool.emit('acquireRequest');
    }
    expect(await status()).toMatchObject({ status: 'degraded', metadata: { recentWaits: 1_200 } });
    pool.pending = 0;
    clock.advance(60_000);
    pool.emit('acquireRequest');
    expect(await status()).toMatchObject({ status: 'healthy', metadata: { recentWaits: 0 } });
  });

  it('follows a knex that was given a new pool, and lets go of the old one and on close', async () => {
    const { pool, check } = setUp();
    expect(pool.listenerCount('acquireRequest')).toBe(1);
    check.close?.();
    expect(pool.listenerCount('acquireRequest')).toBe(0);
    const client: { pool: FakePool | undefined } = { pool };
    const moved = knexCheck({ client, raw: async () => 1 });
    client.pool = new FakePool();
    await moved.check(contextOf());
    expect(pool.listenerCount('acquireRequest')).toBe(0);
    expect(client.pool.listenerCount('acquireRequest')).toBe(1);
  });

  it('only pings where there is no pool to read', async () => {
    const check = knexCheck({ raw: async () => 1 });
    expect(await check.check(contextOf())).toEqual({ status: 'healthy', metadata: {} });
  });

  it('is unhealthy with the code of a failed ping', async () => {
    const { state, check } = setUp();
    state.failure = Object.assign(new Error('connect ECONNREFUSED db.internal:5432'), {
      code: 'ECONNREFUSED',
    });
    expect(await check.check(contextOf())).toMatchObject({ status: 'unhealthy', message: 'ECONNREFUSED' });
  });

  it.each([
    [undefined, {}, 'knex.raw must be a function'],
    [{}, {}, 'knex.raw must be a function'],
    [{ raw() {} }, { name: '' }, 'name must be a non-empty string'],
    [{ raw() {} }, { acquireTimeoutMs: 0 }, 'acquireTimeoutMs must be > 0'],
    [{ raw() {} }, { connectTimeoutMs: -1 }, 'connectTimeoutMs must be > 0'],
  ])('rejects %o with %o', (knex, options, message) => {
    expect(() => knexCheck(knex as never, options)).toThrow(message);
  });
});
