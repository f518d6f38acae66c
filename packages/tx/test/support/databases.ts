import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import knexFactory, { type Knex } from 'knex';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { hasServer, startMariaDb, startPostgres, type TestServer } from 'kit-tooling/servers';
import {
  createTransactionManager,
  type TransactionManager,
  type TransactionManagerOptions,
} from '../../src/index.js';

export type ServerName = 'postgres' | 'mysql';
export type EngineName = ServerName | 'sqlite';

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
export const servers: ServerName[] = engines.filter((engine) => engine !== 'sqlite');

export async function openDatabase(engine: EngineName): Promise<TestDatabase> {
  if (engine === 'sqlite') return openSqlite();
  const server = await startServer(engine);
  return openServer(
    engine,
    () => server.url,
    () => server.stop(),
  );
}

/** What a test of transactions needs: a database of its own, a manager on it, an empty table before each test. */
export interface Entries {
  readonly database: TestDatabase;
  readonly knex: Knex;
  readonly tm: TransactionManager;
  /** Inserts a row by `tm.db`. */
  add(label: string): Promise<void>;
}

/** All of it for the `describe` around. */
export function useEntries(engine: EngineName, options: Partial<TransactionManagerOptions> = {}): Entries {
  const database = useDatabase(engine);
  const knex = database.pool();
  const tm = createTransactionManager({ name: 'tested', primary: knex, ...options });
  beforeEach(() => resetEntries(knex));
  afterAll(() => tm.close());
  return { database, knex, tm, add: async (label) => void (await tm.db('entry').insert({ label })) };
}

/** A database for the `describe` around; its pools can be made before its server runs. */
export function useDatabase(engine: EngineName): TestDatabase {
  const server = engine === 'sqlite' ? undefined : useServer(engine);
  const database =
    server === undefined ? openSqlite() : openServer(engine as ServerName, () => server.current.url);
  afterAll(() => database.close());
  return database;
}

/** A server for the `describe` around. */
export function useServer(engine: ServerName): { readonly current: TestServer } {
  let server: TestServer | undefined;
  beforeAll(async () => {
    server = await startServer(engine);
  });
  afterAll(() => server?.stop());
  return {
    get current() {
      return server!;
    },
  };
}

const startServer = (engine: ServerName) => (engine === 'postgres' ? startPostgres() : startMariaDb());

function openServer(
  engine: ServerName,
  url: () => string,
  stop: () => Promise<void> = async () => {},
): TestDatabase {
  return withPools(engine, url, stop, {
    client: engine === 'postgres' ? 'pg' : 'mysql2',
    connection: () => connectionTo(url()),
    pool: { min: 0, max: 5 },
  });
}

function openSqlite(): TestDatabase {
  const folder = mkdtempSync(join(tmpdir(), 'kit-tx-'));
  const filename = join(folder, 'test.sqlite');
  return withPools(
    'sqlite',
    () => filename,
    async () => rmSync(folder, { recursive: true, force: true }),
    { client: 'better-sqlite3', connection: { filename }, useNullAsDefault: true },
  );
}

function withPools(
  engine: EngineName,
  url: () => string,
  stop: () => Promise<void>,
  config: Knex.Config,
): TestDatabase {
  const pools: Knex[] = [];
  return {
    engine,
    get url() {
      return url();
    },
    pool(options) {
      const knex = knexFactory({ ...config, log: quiet, ...options });
      pools.push(knex);
      return knex;
    },
    async close() {
      for (const knex of pools) await knex.destroy();
      await stop();
    },
  };
}

const quiet = { warn() {}, error() {}, debug() {}, deprecate() {} };

/** What a driver connects with, from a URL; by way of a proxy, to its `port`. */
export function connectionTo(url: string, port?: number): Knex.StaticConnectionConfig {
  const { hostname, username, password, pathname, port: own } = new URL(url);
  return {
    host: hostname,
    port: port ?? Number(own),
    user: username,
    password,
    database: pathname.slice(1),
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

/** What a promise was rejected with; undefined if it was not. */
export async function reasonOf(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (reason) {
    return reason;
  }
}
