import knexFactory, { type Knex } from 'knex';
import { startPostgres } from 'kit-tooling/servers';

/** One PostgreSQL and one pool for all cases of a bench: the same connections, the same rows. */
export function sharedPostgres(): () => Promise<Knex> {
  let opened: Promise<Knex> | undefined;
  return () => (opened ??= open());
}

async function open(): Promise<Knex> {
  const server = await startPostgres();
  const knex = knexFactory({ client: 'pg', connection: server.url, pool: { min: 1, max: 4 } });
  await knex.schema.createTable('account', (table) => {
    table.integer('id').primary();
    table.integer('balance').notNullable();
  });
  await knex('account').insert(Array.from({ length: 100 }, (_, id) => ({ id, balance: 100 })));
  return knex;
}
