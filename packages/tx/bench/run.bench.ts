import { TransactionHost, type TransactionalAdapter } from '@nestjs-cls/transactional';
import type { Knex } from 'knex';
import { defineBench } from 'kit-tooling/bench';
import { createTransactionManager } from '@kit/tx';
import { sharedPostgres } from './database.ts';

const postgres = sharedPostgres();

export default defineBench({
  package: 'tx',
  title: 'A transaction with one read and one write, PostgreSQL',
  baseline: 'knex.transaction',
  target: { ratio: 1.1, of: 'knex.transaction' },
  notes:
    'Both send BEGIN, SELECT, UPDATE, COMMIT; kit also looks at the state before COMMIT and at its tag. @nestjs-cls/transactional runs with an adapter of its documented kind, since the registry has none for knex.',
  cases: {
    kit: async () => {
      const tm = createTransactionManager({ name: 'bench', primary: await postgres() });
      return () =>
        tm.run(async () => {
          const { balance } = await tm.db('account').where({ id: 7 }).first();
          await tm.db('account').where({ id: 7 }).update({ balance });
        });
    },
    'knex.transaction': async () => {
      const knex = await postgres();
      return () =>
        knex.transaction(async (trx) => {
          const { balance } = await trx('account').where({ id: 7 }).first();
          await trx('account').where({ id: 7 }).update({ balance });
        });
    },
    '@nestjs-cls/transactional': async () => {
      const host = transactionHost(await postgres());
      return () =>
        host.withTransaction(async () => {
          const { balance } = await host.tx('account').where({ id: 7 }).first();
          await host.tx('account').where({ id: 7 }).update({ balance });
        });
    },
  },
});

type KnexAdapter = TransactionalAdapter<Knex, Knex, Knex.TransactionConfig>;

function transactionHost(knex: Knex): TransactionHost<KnexAdapter> {
  return new TransactionHost<KnexAdapter>({
    connectionName: undefined,
    enableTransactionProxy: false,
    defaultTxOptions: {},
    extraProviderTokens: [],
    getFallbackInstance: () => knex,
    wrapWithTransaction: (options, fn, setTx) =>
      knex.transaction((trx) => {
        setTx(trx);
        return fn();
      }, options),
  });
}
