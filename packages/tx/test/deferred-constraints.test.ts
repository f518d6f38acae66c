import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createTransactionManager } from '../src/index.js';
import { engines, reasonOf, useDatabase } from './support/databases.js';

/** A foreign key that the database looks at when COMMIT comes, and not before. */
describe.each(engines)('deferred constraints on %s', (engine) => {
  const knex = useDatabase(engine).pool();
  const tm = createTransactionManager({ name: 'deferred', primary: knex });
  afterAll(() => tm.close());
  const createChild = () =>
    knex.raw('create table child (id integer references parent (id) deferrable initially deferred)');

  if (engine === 'mysql') {
    it('do not exist: MariaDB refuses DEFERRABLE, so no COMMIT can fail by one', async () => {
      expect(await reasonOf(createChild())).toMatchObject({ code: 'ER_PARSE_ERROR' });
    });
    return;
  }

  const hooks: string[] = [];
  const violation = engine === 'postgres' ? '23503' : 'SQLITE_CONSTRAINT_FOREIGNKEY';

  beforeEach(async () => {
    hooks.length = 0;
    if (engine === 'sqlite') await knex.raw('pragma foreign_keys = on');
    await knex.schema.dropTableIfExists('child');
    await knex.schema.dropTableIfExists('parent');
    await knex.raw('create table parent (id integer primary key)');
    await createChild();
  });

  const orphan = async () => {
    tm.afterCommit(() => hooks.push('commit'));
    tm.afterRollback(() => hooks.push('rollback'));
    await tm.db('child').insert({ id: 99 });
  };

  it('that fail at COMMIT reject with what the database said, with afterRollback only', async () => {
    expect(await reasonOf(tm.run(orphan))).toMatchObject({ code: violation });
    expect(hooks).toEqual(['rollback']);
    expect(await knex('child')).toEqual([]);
    expect(knex.client.pool.numUsed()).toBe(0);
    await tm.run(async () => void (await tm.db('parent').insert({ id: 1 })));
    expect(await knex('parent').pluck('id')).toEqual([1]);
  });

  it('that hold at COMMIT let it pass, whatever the order of the statements', async () => {
    await tm.run(async () => {
      await orphan();
      await tm.db('parent').insert({ id: 99 });
    });
    expect(hooks).toEqual(['commit']);
    expect(await knex('child').pluck('id')).toEqual([99]);
  });

  it('that a nested scope leaves broken fail the outer COMMIT; those it undid do not', async () => {
    const reason = await reasonOf(tm.run(() => tm.run({ propagation: 'NESTED' }, orphan)));
    expect(reason).toMatchObject({ code: violation });
    await tm.run(async () => {
      await reasonOf(
        tm.run({ propagation: 'NESTED' }, async () => {
          await orphan();
          throw new Error('undone');
        }),
      );
      await tm.db('parent').insert({ id: 2 });
    });
    expect(await knex('parent').pluck('id')).toEqual([2]);
    expect(await knex('child')).toEqual([]);
  });
});
