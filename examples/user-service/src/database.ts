import { createTransactionManager, type TransactionManager } from '@kit/tx';
import knexFactory, { type Knex } from 'knex';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from './config.ts';
import { migrationSource } from './migrations.ts';

export interface Database {
  knex: Knex;
  tm: TransactionManager;
  close(): Promise<void>;
}

/** The manager's name, by which `@Transactional({ manager })` finds it. */
export const USERS_MANAGER = 'users';

/**
 * Opens the database of the user domain and brings its schema up to date. The domain guard looks at the database
 * before the first migration: pointed at the payments by mistake, this service must not touch them.
 */
export async function openDatabase(config: Config): Promise<Database> {
  // Errors keep the statement and leave out its values: they are logged.
  const knex = knexFactory({ ...knexOptions(config), compileSqlOnError: false });
  const tm = createTransactionManager({
    name: USERS_MANAGER,
    primary: knex,
    domain: {
      name: 'users',
      allow: [...config.USER_DATABASE_NAMES, config.sqliteFile].map((database) => ({ database })),
      mode: config.STRICT_DOMAIN_GUARD ? 'strict' : 'warn',
    },
  });
  const close = async () => {
    await tm.close();
    await knex.destroy();
  };
  try {
    await tm.read(async () => tm.db.raw('select 1'));
    await knex.migrate.latest({ migrationSource });
  } catch (error) {
    await close();
    throw error;
  }
  return { knex, tm, close };
}

function knexOptions({ USER_DATABASE_URL: url, sqliteFile, DATA_DIR }: Config): Knex.Config {
  if (url?.startsWith('postgres')) return { client: 'pg', connection: url, pool: { min: 0, max: 10 } };
  if (url?.startsWith('mysql')) return { client: 'mysql2', connection: url, pool: { min: 0, max: 10 } };
  mkdirSync(DATA_DIR, { recursive: true });
  return {
    client: 'better-sqlite3',
    connection: { filename: url ? resolve(url.slice('sqlite:'.length)) : sqliteFile },
    useNullAsDefault: true,
    pool: {
      min: 1,
      max: 1,
      afterCreate(connection: { pragma(text: string): void }, done: () => void) {
        connection.pragma('journal_mode = WAL');
        connection.pragma('busy_timeout = 5000');
        done();
      },
    },
  };
}
