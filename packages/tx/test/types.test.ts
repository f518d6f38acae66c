import type { Knex } from 'knex';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { createTransactionManager, type AmbientKnex, type TransactionManager } from '../src/index.js';
import { useDatabase } from './support/databases.js';

/** What a repository could end a transaction or a pool with. */
const withheld = [
  'transaction',
  'transactionProvider',
  'commit',
  'rollback',
  'savepoint',
  'isCompleted',
  'executionPromise',
  'destroy',
  'initialize',
  'migrate',
  'seed',
] as const;

describe('tm.db', () => {
  const database = useDatabase('sqlite');
  const tm = createTransactionManager({ name: 'types', primary: database.pool() });

  it.each(withheld)('has no %s, at run time', (name) => {
    expect(name in tm.db).toBe(false);
    expect((tm.db as unknown as Record<string, unknown>)[name]).toBeUndefined();
  });

  it('has none of them in its types either', () => {
    expectTypeOf<Extract<(typeof withheld)[number], keyof AmbientKnex>>().toBeNever();
    expectTypeOf(tm.db).not.toExtend<Knex>();
    expectTypeOf(tm.db).not.toExtend<Knex.Transaction>();
  });

  it('refuses the pool and transactions by the client below, too', () => {
    const { client } = tm.db as unknown as { client: { destroy(): void; transaction(): void } };
    expect(() => client.destroy()).toThrow(expect.objectContaining({ code: 'KIT_TX_HIJACKED' }));
    expect(() => client.transaction()).toThrow(expect.objectContaining({ code: 'KIT_TX_HIJACKED' }));
  });

  it('has the types of knex for what it does have', () => {
    interface Account {
      id: number;
      balance: number;
    }
    const accounts = () => tm.db<Account>('account');
    expectTypeOf(accounts().where({ id: 1 }).first()).resolves.toEqualTypeOf<Account | undefined>();
    expectTypeOf(accounts().select('balance')).resolves.toEqualTypeOf<Pick<Account, 'balance'>[]>();
    // @ts-expect-error -- there is no such column
    void accounts().where({ nothing: 1 }).toSQL();
    expectTypeOf(tm.db.schema).toEqualTypeOf<Knex.SchemaBuilder>();
  });
});

describe('tm.run and tm.read', () => {
  it('give what the function gives', () => {
    const use = (tm: TransactionManager) =>
      [
        tm.run(async () => 1),
        tm.run({ isolation: 'serializable' }, async ({ signal }) => signal.aborted),
        tm.read(() => 'not a promise'),
      ] as const;
    expectTypeOf(use).returns.toEqualTypeOf<readonly [Promise<number>, Promise<boolean>, Promise<string>]>();
  });

  it('take the options first, and only those there are', () => {
    const use = (tm: TransactionManager) => {
      // @ts-expect-error -- options come before the function
      void tm.run(async () => 1, { readOnly: true });
      // @ts-expect-error -- no such propagation
      void tm.run({ propagation: 'SOMETIMES' }, async () => 1);
      // @ts-expect-error -- no such option
      void tm.run({ isolationLevel: 'serializable' }, async () => 1);
      // @ts-expect-error -- a read does not choose its propagation
      void tm.read({ propagation: 'NESTED' }, async () => 1);
    };
    expect(use).toBeTypeOf('function');
  });
});
