import { ClsPluginTransactional, TransactionHost } from '@nestjs-cls/transactional';
import { NestFactory } from '@nestjs/core';
import type { Knex } from 'knex';
import { ClsModule } from 'nestjs-cls';
import { defineBench } from 'kit-tooling/bench';
import { createTransactionManager } from '../src/index.ts';
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
      const host = await transactionHost(await postgres());
      return () =>
        host.withTransaction(async () => {
          const { balance } = await host.tx('account').where({ id: 7 }).first();
          await host.tx('account').where({ id: 7 }).update({ balance });
        });
    },
  },
});

type KnexAdapter = ReturnType<typeof adapterOf>;

function adapterOf(connection: Knex) {
  return {
    connection,
    optionsFactory: (knex: Knex) => ({
      wrapWithTransaction: (
        options: Knex.TransactionConfig,
        fn: () => Promise<unknown>,
        setTx: (tx?: Knex) => void,
      ) =>
        knex.transaction((trx) => {
          setTx(trx);
          return fn();
        }, options),
      getFallbackInstance: () => knex,
    }),
  };
}

async function transactionHost(knex: Knex): Promise<TransactionHost<KnexAdapter>> {
  const plugin = new ClsPluginTransactional({ adapter: adapterOf(knex) });
  const module = { module: class {}, imports: [ClsModule.forRoot({ plugins: [plugin] })] };
  await NestFactory.createApplicationContext(module, { logger: false });
  return TransactionHost.getInstance<KnexAdapter>();
}
