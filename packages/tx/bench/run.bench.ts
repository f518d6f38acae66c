import { defineBench } from 'kit-tooling/bench';
import { createTransactionManager } from '../src/index.ts';
import { sharedPostgres } from './database.ts';

const postgres = sharedPostgres();

export default defineBench({
  package: 'tx',
  title: 'A transaction with one read and one write, PostgreSQL',
  baseline: 'knex.transaction',
  target: { ratio: 1.1, of: 'knex.transaction' },
  notes: 'Both send BEGIN, SELECT, UPDATE, COMMIT; kit also looks at the state before COMMIT and at its tag.',
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
  },
});
