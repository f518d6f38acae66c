import knexLib, { type Knex } from 'knex';
import { startPostgres } from 'kit-tooling/servers';
import { afterEach, describe, expect, it } from 'vitest';
import { instrumentKnex } from '../src/index.js';
import { createPending } from '../src/pending-calls.js';
import { newMetrics, parse, textOf, valueOf } from './clients.js';

describe('instrumentKnex', () => {
  let knex: Knex | undefined;
  afterEach(() => knex?.destroy());
  const sqlite = () =>
    (knex = knexLib({
      client: 'better-sqlite3',
      connection: { filename: ':memory:' },
      useNullAsDefault: true,
    }));

  it('times queries by kind of statement and counts failures by code, without the statement', async () => {
    const metrics = newMetrics();
    const db = sqlite();
    instrumentKnex(metrics, db, { name: 'shop', slowMs: 0 });
    await db.schema.createTable('items', (table) => void table.increments('id'));
    await db('items').insert({ id: 1 });
    await db('items').where({ id: 1 }).first();
    await db.transaction(async (trx) => void (await trx('items').update({ id: 2 })));
    await db('items').where({ id: 2 }).delete();
    await expect(db('missing_table').select()).rejects.toThrow();
    const text = await textOf(metrics);
    const count = (operation: string, outcome = 'success') =>
      valueOf(text, 'kit_db_query_duration_seconds_count', { db: 'shop', operation, outcome });
    expect(count('insert')).toBe(1);
    expect(count('select')).toBe(1);
    expect(count('update')).toBe(1);
    expect(count('delete')).toBe(1);
    expect(count('select', 'failure')).toBe(1);
    expect(valueOf(text, 'kit_db_query_errors_total', { db: 'shop', code: 'SQLITE_ERROR' })).toBe(1);
    expect(valueOf(text, 'kit_db_slow_queries_total', { db: 'shop' })).toBe(5);
    expect(valueOf(text, 'kit_db_up', { db: 'shop' })).toBe(1);
    expect(text).not.toContain('missing_table');
  });

  it('measures nothing after stop and takes its listeners away', async () => {
    const metrics = newMetrics();
    const db = sqlite();
    const before = (db as unknown as { listenerCount(event: string): number }).listenerCount('query');
    const stop = instrumentKnex(metrics, db);
    stop();
    await db.raw('select 1');
    expect((db as unknown as { listenerCount(event: string): number }).listenerCount('query')).toBe(before);
    expect(parse(await textOf(metrics)).some((s) => s.name === 'kit_db_query_duration_seconds_count')).toBe(
      false,
    );
  });

  it('shows the pool under load, and a database that goes down and comes back', async () => {
    const server = await startPostgres();
    const metrics = newMetrics();
    const db = (knex = knexLib({
      client: 'pg',
      connection: server.url,
      pool: { min: 0, max: 2 },
      acquireConnectionTimeout: 30_000,
      log: { warn() {}, error() {} },
    }));
    db.on('error', () => {});
    try {
      instrumentKnex(metrics, db);
      const held = await Promise.all([db.transaction(), db.transaction()]);
      const waiting = db.raw('select 1').then(() => {});
      const pool = async () => {
        const text = await textOf(metrics);
        return ['used', 'waiting', 'max'].map((name) =>
          valueOf(text, `kit_db_pool_${name}`, { db: 'postgres' }),
        );
      };
      await expect.poll(pool).toEqual([2, 1, 2]);
      await Promise.all(held.map((trx) => trx.rollback()));
      await waiting;
      expect(valueOf(await textOf(metrics), 'kit_db_pool_used')).toBe(0);

      await server.kill();
      for (let i = 0; i < 3; i += 1) await db.raw('select 1').catch(() => {});
      expect(valueOf(await textOf(metrics), 'kit_db_up', { db: 'postgres' })).toBe(0);
      await server.restart();
      await db.raw('select 1');
      expect(valueOf(await textOf(metrics), 'kit_db_up', { db: 'postgres' })).toBe(1);
    } finally {
      await db.destroy();
      knex = undefined;
      await server.stop();
    }
  });
});

describe('calls that are being timed', () => {
  it('do not pile up when they never end', () => {
    const pending = createPending(100);
    for (let i = 0; i < 10_000; i += 1) pending.start(String(i));
    expect(pending.size).toBe(100);
    expect(pending.end('9999')).toBeGreaterThanOrEqual(0);
    expect(pending.end('9999')).toBeUndefined();
    expect(pending.end('0')).toBeUndefined();
    expect(pending.end(undefined)).toBeUndefined();
  });
});
