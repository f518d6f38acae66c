import { defineBench } from 'kit-tooling/bench';
import { createTransactionManager } from '@kit/tx';
import { sharedPostgres } from './database.ts';

const postgres = sharedPostgres();

export default defineBench({
  package: 'tx',
  title: 'One read, PostgreSQL',
  baseline: 'read in a transaction',
  target: { ratio: 0.6, of: 'read in a transaction' },
  cases: {
    kit: async () => {
      const tm = createTransactionManager({ name: 'bench', primary: await postgres() });
      return () => tm.read(() => tm.db('account').where({ id: 7 }).first());
    },
    'read in a transaction': async () => {
      const knex = await postgres();
      return () => knex.transaction((trx) => trx('account').where({ id: 7 }).first());
    },
    'plain knex': async () => {
      const knex = await postgres();
      return () => knex('account').where({ id: 7 }).first();
    },
  },
});
