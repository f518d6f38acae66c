import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import knexFactory, { type Knex } from 'knex';
import { hasServer, startMariaDb, startPostgres } from 'kit-tooling/servers';

export type EngineName = 'postgres' | 'mysql' | 'sqlite';

/** One database of the suite's own; `pool()` opens as many knex instances on it as a test wants. */
export interface TestDatabase {
  readonly engine: EngineName;
  readonly url: string;
  pool(options?: Knex.Config): Knex;
  close(): Promise<void>;
}

/** The engines of this machine; MariaDB is missing where it is not installed. KIT_TEST_ENGINES=sqlite takes fewer. */
export const engines: EngineName[] = (
  hasServer('mariadb') ? (['postgres', 'mysql', 'sqlite'] as const) : (['postgres', 'sqlite'] as const)
).filter((engine) => process.env.KIT_TEST_ENGINES?.split(',').includes(engine) ?? true);
export const servers: EngineName[] = engines.filter((engine) => engine !== 'sqlite');

const quiet = { warn() {}, error() {}, debug() {}, deprecate() {} };

export async function openDatabase(engine: EngineName): Promise<TestDatabase> {
  if (engine === 'sqlite') return openSqlite();
  const server = engine === 'postgres' ? await startPostgres() : await startMariaDb();
  const pools: Knex[] = [];
  return {
    engine,
    url: server.url,
    pool(options) {
      const client = engine === 'postgres' ? 'pg' : 'mysql2';
      const knex = knexFactory({
        client,
        connection: server.url,
        pool: { min: 0, max: 5 },
        log: quiet,
        ...options,
      });
      pools.push(knex);
      return knex;
    },
    async close() {
      for (const knex of pools) await knex.destroy();
      await server.stop();
    },
  };
}

function openSqlite(): TestDatabase {
  const folder = mkdtempSync(join(tmpdir(), 'kit-tx-'));
  const pools: Knex[] = [];
  const url = join(folder, 'test.sqlite');
  return {
    engine: 'sqlite',
    url,
    pool(options) {
      const knex = knexFactory({
        client: 'better-sqlite3',
        connection: { filename: url },
        useNullAsDefault: true,
        log: quiet,
        ...options,
      });
      pools.push(knex);
      return knex;
    },
    async close() {
      for (const knex of pools) await knex.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An empty table `entry(id, label unique)`; and what is in it, seen from outside every transaction. */
export async function resetEntries(knex: Knex): Promise<void> {
  await knex.schema.dropTableIfExists('entry');
  await knex.schema.createTable('entry', (table) => {
    table.increments('id');
    table.string('label').unique();
    table.integer('amount').notNullable().defaultTo(0);
  });
}

export async function labels(knex: Knex): Promise<string[]> {
  return knex('entry').orderBy('id').pluck('label');
}
