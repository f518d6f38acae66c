import { setTimeout as delay } from 'node:timers/promises';
import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTransactionManager, type TransactionManager } from '../src/index.js';
import { labels, openDatabase, resetEntries, type TestDatabase } from './support/databases.js';

describe('SQLite with several connections in one process', () => {
  let database: TestDatabase;
  let knex: Knex;
  let other: Knex;
  let tm: TransactionManager;

  beforeAll(async () => {
    database = await openDatabase('sqlite');
    knex = database.pool({ pool: { min: 0, max: 4 } });
    other = database.pool();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await resetEntries(knex);
    tm = createTransactionManager({ name: 'sqlite', primary: knex });
    return () => tm.close();
  });

  const add = async (label: string) => void (await tm.db('entry').insert({ label }));

  it('twenty writers queue for the one that may write', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        tm.run(async () => {
          await add(`${index}`);
          await delay(2);
        }),
      ),
    );
    expect(await labels(knex)).toHaveLength(20);
  });

  it('a write of another pool is waited for with the event loop free', async () => {
    const held = await other.transaction();
    await held('entry').insert({ label: 'theirs' });
    let ticks = 0;
    const ticking = setInterval(() => (ticks += 1), 5);
    const ours = Promise.all([tm.run(() => add('ours')), add('autocommitted')]);
    await expect.poll(() => ticks).toBeGreaterThan(5);
    await held.commit();
    await ours;
    clearInterval(ticking);
    expect((await labels(knex)).toSorted()).toEqual(['autocommitted', 'ours', 'theirs']);
  });

  it('a function that waits beyond timeoutMs is rolled back, and the next writer does not wait for it', async () => {
    let late: Promise<unknown> | undefined;
    const reason = await tm
      .run({ timeoutMs: 100 }, async () => {
        late = delay(400).then(() => add('late'));
        late.catch(() => {});
        await add('undone');
        await late;
      })
      .catch((error: unknown) => error);
    expect(reason).toMatchObject({ code: 'KIT_TX_TIMEOUT' });
    await tm.run(() => add('next'));
    await expect(late).rejects.toBeInstanceOf(Error);
    expect(await labels(knex)).toEqual(['next']);
  });

  it('waiting for the one writer counts in timeoutMs', async () => {
    const held = await other.transaction();
    await held('entry').insert({ label: 'theirs' });
    await expect(tm.run({ timeoutMs: 100 }, () => add('never'))).rejects.toMatchObject({
      code: 'KIT_TX_TIMEOUT',
    });
    await held.rollback();
    await tm.run(() => add('next'));
    expect(await labels(knex)).toEqual(['next']);
  });

  describe('with a pool of one', () => {
    let single: Knex;
    let manager: TransactionManager;
    beforeEach(async () => {
      single = database.pool({ pool: { min: 0, max: 1 } });
      manager = createTransactionManager({ name: 'single', primary: single });
      // It lives as long as the connection.
      await single.raw('create temp table mark (id int)');
      return () => manager.close();
    });
    const insert = (sql: string) => manager.db.raw(`${sql} into entry (label) values ('a')`);

    it('a BEGIN that is refused gives the connection back as it was', async () => {
      const held = await other.transaction();
      await held('entry').insert({ label: 'theirs' });
      const reason = await manager
        .run({ timeoutMs: 100 }, async () => 'never')
        .catch((error: unknown) => error);
      expect(reason).toMatchObject({ code: 'KIT_TX_TIMEOUT' });
      await expect.poll(() => single.client.pool.numUsed()).toBe(0);
      await held.rollback();
      expect(await manager.run(() => manager.db('mark').pluck('id'))).toEqual([]);
    });

    it('a statement that rolls back by itself ends in an error, also when it is swallowed, and the connection stays', async () => {
      const reason = await manager
        .run(async () => {
          await insert('insert');
          await insert('insert or rollback').catch(() => {});
        })
        .catch((error: unknown) => error);
      expect(reason).toMatchObject({
        code: 'KIT_TX_UNEXPECTED_ROLLBACK',
        cause: { code: 'SQLITE_CONSTRAINT_UNIQUE' },
      });
      expect((reason as Error).message).toMatch(
        /was rolled back by the server: an error inside was swallowed \(.*UNIQUE/,
      );
      expect(await labels(single)).toEqual([]);
      expect(await manager.run(() => manager.db('mark').pluck('id'))).toEqual([]);
    });
  });

  it('plain knex on the same pool keeps its busy_timeout', async () => {
    await add('a');
    await tm.run(() => add('b'));
    expect(await knex.raw('pragma busy_timeout')).toEqual([{ timeout: 5000 }]);
    expect(await tm.run(() => tm.db.raw('pragma busy_timeout'))).toEqual([{ timeout: 0 }]);
    expect(await knex.raw('pragma busy_timeout')).toEqual([{ timeout: 5000 }]);
  });

  it('a schema change inside tm.run is part of the transaction', async () => {
    await tm.run(async () => {
      await add('a');
      await tm.db.schema.createTable('extra', (table) => table.integer('id'));
      tm.setRollbackOnly();
    });
    expect(await knex.schema.hasTable('extra')).toBe(false);
    await tm.db.schema.alterTable('entry', (table) => table.dropColumn('amount'));
    expect(await knex.schema.hasColumn('entry', 'amount')).toBe(false);
  });

  it('an in-memory database survives its transactions', async () => {
    const memory = database.pool({ connection: { filename: ':memory:' } });
    await resetEntries(memory);
    const manager = createTransactionManager({ name: 'memory', primary: memory });
    await manager.run(async () => void (await manager.db('entry').insert({ label: 'kept' })));
    await manager.run(async () => Promise.reject(new Error('x'))).catch(() => {});
    expect(await manager.read(() => manager.db('entry').pluck('label'))).toEqual(['kept']);
    await manager.close();
  });
});
