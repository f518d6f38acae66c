import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import createKnex, { type Knex } from 'knex';
import { hasServer, startMariaDb, startPostgres, type TestServer } from 'kit-tooling/servers';
import { createTransactionManager, migrateTx, type TransactionManager } from '../src/index.js';

export type EngineName = 'postgres' | 'mariadb' | 'sqlite';

/** KIT_TEST_ENGINES=sqlite takes fewer. */
export const engines: readonly EngineName[] = (
  hasServer('mariadb') ? (['postgres', 'mariadb', 'sqlite'] as const) : (['postgres', 'sqlite'] as const)
).filter((engine) => process.env.KIT_TEST_ENGINES?.split(',').includes(engine) ?? true);

/** A migrated database of the test's own with a manager on it. */
export interface Database {
  readonly engine: EngineName;
  readonly knex: Knex;
  readonly tm: TransactionManager;
  readonly server: TestServer | undefined;
  /** A second pool and manager on the same database, as another instance would have. */
  another(): { knex: Knex; tm: TransactionManager };
  empty(): Promise<void>;
  close(): Promise<void>;
}

const tables = ['kit_saga_step', 'kit_saga', 'kit_outbox', 'kit_inbox', 'kit_idempotency', 'effects'];

export async function openDatabase(engine: EngineName): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), 'kit-durable-'));
  const server =
    engine === 'sqlite' ? undefined : await (engine === 'postgres' ? startPostgres() : startMariaDb());
  const pools: Knex[] = [];
  const open = () => {
    const knex =
      engine === 'sqlite'
        ? createKnex({
            client: 'better-sqlite3',
            connection: { filename: join(folder, 'test.db') },
            useNullAsDefault: true,
          })
        : createKnex({
            client: engine === 'postgres' ? 'pg' : 'mysql2',
            connection: server!.url,
            pool: { min: 0, max: 10 },
          });
    pools.push(knex);
    return { knex, tm: createTransactionManager({ name: 'test', primary: knex }) };
  };
  const first = open();
  await migrateTx(first.knex);
  await first.knex.schema.createTable('effects', (table) => {
    table.increments('id');
    table.string('name').notNullable();
  });
  return {
    engine,
    ...first,
    server,
    another: open,
    async empty() {
      for (const table of tables) await first.knex(table).delete();
    },
    async close() {
      for (const knex of pools) await knex.destroy();
      await server?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits for a condition; the limit is far above what it takes, for machines under load. */
export async function eventually<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const until = Date.now() + 60_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > until) throw new Error('it did not happen within 60 s');
    await delay(15);
  }
}
