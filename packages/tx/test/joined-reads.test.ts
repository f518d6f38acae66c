import { describe, expect, it } from 'vitest';
import {
  createTestTransaction,
  isPropagationError,
  isUnexpectedRollbackError,
  ReadOnly,
  type Propagation,
} from '../src/index.js';
import { mayWrite } from '../src/statement.js';
import { engines, labels, reasonOf, useEntries } from './support/databases.js';

describe.each(engines)('tm.read inside a transaction that writes on %s', (engine) => {
  const { knex, tm, add } = useEntries(engine, { name: 'joined' });

  const names = () => tm.db('entry').orderBy('id').pluck('label');

  it('sees what the transaction wrote, and the transaction writes on after it', async () => {
    await tm.run(async () => {
      await add('before');
      expect(await tm.read(() => tm.read(names))).toEqual(['before']);
      await add('after');
    });
    expect(await labels(knex)).toEqual(['before', 'after']);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['an insert', () => add('never')],
    ['an update', async () => tm.db('entry').update({ amount: 1 })],
    ['a delete', async () => tm.db('entry').del()],
    ['raw SQL', async () => tm.db.raw('/* why */ update entry set amount = 1')],
  ])('refuses %s before it is sent, and the outer COMMIT after it', async (_what, write) => {
    let inner: unknown;
    const outer = await reasonOf(
      tm.run(async () => {
        await add('undone');
        inner = await reasonOf(tm.read(write));
      }),
    );
    expect(isPropagationError(inner)).toBe(true);
    expect(isUnexpectedRollbackError(outer)).toBe(true);
    expect(await labels(knex)).toEqual([]);
  });

  it.each<Propagation>(['REQUIRED', 'REQUIRES_NEW', 'NESTED', 'SUPPORTS', 'NOT_SUPPORTED'])(
    'refuses tm.run %s like any other tm.read does',
    async (propagation) => {
      const reason = await reasonOf(tm.run(() => tm.read(() => tm.run({ propagation }, () => add('never')))));
      expect(isPropagationError(reason)).toBe(true);
      expect(await labels(knex)).toEqual([]);
    },
  );

  it('a @ReadOnly method is one too', async () => {
    class Service {
      @ReadOnly({ manager: () => tm })
      async write() {
        await add('never');
      }
    }
    expect(isPropagationError(await reasonOf(tm.run(() => new Service().write())))).toBe(true);
    expect(await labels(knex)).toEqual([]);
  });

  it('is as strict in a test transaction', async () => {
    const test = await createTestTransaction(tm);
    expect(isPropagationError(await reasonOf(tm.read(() => add('never'))))).toBe(true);
    expect(isPropagationError(await reasonOf(tm.read(() => tm.run(() => add('never')))))).toBe(true);
    expect(isPropagationError(await reasonOf(tm.read({ snapshot: true }, () => add('never'))))).toBe(true);
    await tm.run(() => add('written'));
    expect(await tm.read(names)).toEqual(['written']);
    await test.rollback();
  });
});

describe('statements that write', () => {
  it.each([
    'INSERT into a values (1)',
    'select 1; delete from a',
    'with x as (insert into a values (1) returning id) select * from x',
    'with x as (select 1) update a set b = 1',
    'with x as (delete from a returning *) select * from x',
    'truncate a',
    'create table a (id int)',
  ])('%s', (sql) => expect(mayWrite(sql, { dollarQuotes: true })).toBe(true));

  it.each([
    'select 1',
    'select * from a for update',
    'with x as (select * from a for update) select * from x',
    'with x as (select 1 for no key update) select * from x',
    'with x as (select "update", \'insert into\' from a) select * from x',
    'explain update a set b = 1',
    'show server_version',
  ])('not %s', (sql) => expect(mayWrite(sql, { dollarQuotes: true })).toBe(false));
});
