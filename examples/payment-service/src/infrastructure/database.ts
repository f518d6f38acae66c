import { migrateTx } from '@kit/tx';
import knexFactory, { type Knex } from 'knex';
import { setTimeout as delay } from 'node:timers/promises';
import { migrationSource } from './migrations.ts';
import { assertOwnDatabase } from './ownership.ts';
import { openSqlite } from './sqlite.ts';

/** A pool for the URL's engine: PostgreSQL, MariaDB/MySQL or a SQLite file. */
export function openDatabase(databaseUrl: string, poolMax: number): Knex {
  if (databaseUrl.startsWith('sqlite:')) return openSqlite(fileOf(databaseUrl));
  const isPostgres = databaseUrl.startsWith('postgres');
  return knexFactory({
    client: isPostgres ? 'pg' : 'mysql2',
    connection: isPostgres
      ? { connectionString: databaseUrl, application_name: 'payment-service', connectionTimeoutMillis: 5_000 }
      : { uri: databaseUrl.replace(/^mariadb:/, 'mysql:'), connectTimeout: 5_000 },
    pool: { min: 0, max: poolMax },
    // Errors keep the statement and leave out its values: they are logged.
    compileSqlOnError: false,
    acquireConnectionTimeout: 5_000,
  });
}

/** What the domain guard lets in: this database and no other. */
export function homeOf(databaseUrl: string): { host?: string; database: string } {
  if (databaseUrl.startsWith('sqlite:')) return { database: fileOf(databaseUrl) };
  const { hostname, pathname } = new URL(databaseUrl);
  return { host: hostname, database: decodeURIComponent(pathname.slice(1)) };
}

/** Brings the schema to its newest version; instances that start together take turns. */
export async function migrate(knex: Knex, strict: boolean): Promise<void> {
  await assertOwnDatabase(knex, 'payment-service', strict);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await knex.migrate.latest({ migrationSource, tableName: 'payment_migrations' });
      break;
    } catch (error) {
      const isTurnOfAnother =
        error instanceof Error && /lock|already exists|UNIQUE|duplicate/i.test(error.message);
      if (!isTurnOfAnother || attempt === 50) throw error;
      await delay(200);
    }
  }
  await migrateTx(knex);
}

const fileOf = (databaseUrl: string) => databaseUrl.replace(/^sqlite:(\/\/)?/, '');
