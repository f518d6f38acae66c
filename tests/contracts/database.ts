import { createTransactionManager, migrateTx, type TransactionManager } from '@kit/tx';
import knexFactory, { type Knex } from 'knex';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Database {
  knex: Knex;
  tm: TransactionManager;
  close(): Promise<void>;
}

/** A SQLite file with Kit's tables and one table of the test's own. */
export async function openDatabase(name = 'contracts'): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), 'kit-contracts-'));
  const knex = knexFactory({
    client: 'better-sqlite3',
    connection: { filename: join(folder, 'data.sqlite') },
    useNullAsDefault: true,
  });
  await knex.schema.createTable('items', (table) => {
    table.integer('id').primary();
  });
  await migrateTx(knex);
  const tm = createTransactionManager({ name, primary: knex });
  return {
    knex,
    tm,
    async close() {
      await tm.close();
      await knex.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
