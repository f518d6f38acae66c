import { defineBench } from 'kit-tooling/bench';
import { createTransactionManager } from '@kit/tx';
import { sharedPostgres } from './database.ts';

const postgres = sharedPostgres();
const statements = 20;

export default defineBench({
  package: 'tx',
  title: `${statements} statements one after another in a transaction, PostgreSQL`,
  baseline: 'knex.transaction',
  target: { ratio: 1.1, of: 'knex.transaction' },
  notes: 'What the gate costs a statement is the difference divided by the number of statements.',
  cases: {
    kit: async () => {
      const tm = createTransactionManager({ name: 'bench', primary: await postgres() });
      return () =>
        tm.run(async () => {
          for (let id = 0; id < statements; id += 1) await tm.db('account').where({ id }).first();
        });
    },
    'knex.transaction': async () => {
      const knex = await postgres();
      return () =>
        knex.transaction(async (trx) => {
          for (let id = 0; id < statements; id += 1) await trx('account').where({ id }).first();
        });
    },
  },
});
