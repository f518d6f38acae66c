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
    await delay(150);
    await held.commit();
    await ours;
    clearInterval(ticking);
    expect(ticks).toBeGreaterThan(5);
    expect((await labels(knex)).toSorted()).toEqual(['autocommitted', 'ours', 'theirs']);
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

  describe('with a deferred foreign key', () => {
    let strict: Knex;
    let manager: TransactionManager;
    const hooks: string[] = [];

    beforeEach(async () => {
      hooks.length = 0;
      strict = database.pool({ connection: { filename: `${database.url}.deferred` } });
      await strict.raw('pragma foreign_keys = on');
      await strict.schema.dropTableIfExists('child');
      await strict.schema.dropTableIfExists('parent');
      await strict.raw('create table parent (id integer primary key)');
      await strict.raw(
        'create table child (id integer references parent (id) deferrable initially deferred)',
      );
      manager = createTransactionManager({ name: 'deferred', primary: strict });
      return () => manager.close();
    });

    const orphan = async () => {
      manager.afterCommit(() => hooks.push('commit'));
      manager.afterRollback(() => hooks.push('rollback'));
      await manager.db('child').insert({ id: 99 });
    };

    it('a COMMIT that it fails rejects, with afterRollback only, and the connection is free again', async () => {
      await expect(manager.run(orphan)).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' });
      expect(hooks).toEqual(['rollback']);
      expect(await strict('child')).toEqual([]);
      expect(strict.client.pool.numUsed()).toBe(0);
      await manager.run(async () => void (await manager.db('parent').insert({ id: 1 })));
      expect(await strict('parent').pluck('id')).toEqual([1]);
    });

    it('what is whole at COMMIT is committed, whatever the order', async () => {
      await manager.run(async () => {
        await orphan();
        await manager.db('parent').insert({ id: 99 });
      });
      expect(hooks).toEqual(['commit']);
      expect(await strict('child').pluck('id')).toEqual([99]);
    });

    it('a nested scope that leaves an orphan fails the outer COMMIT; one that is undone does not', async () => {
      await expect(manager.run(() => manager.run({ propagation: 'NESTED' }, orphan))).rejects.toMatchObject({
        code: 'SQLITE_CONSTRAINT_FOREIGNKEY',
      });
      await manager.run(async () => {
        await manager
          .run({ propagation: 'NESTED' }, async () => {
            await orphan();
            throw new Error('undone');
          })
          .catch(() => {});
        await manager.db('parent').insert({ id: 2 });
      });
      expect(await strict('parent').pluck('id')).toEqual([2]);
      expect(await strict('child')).toEqual([]);
    });
  });
});
