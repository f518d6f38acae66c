import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrateTx, txMigrationSource } from '../src/index.js';
import { type Database, engines, openDatabase } from './durable-setup.js';

const tables = ['kit_saga', 'kit_saga_step', 'kit_outbox', 'kit_inbox', 'kit_idempotency'];

describe.each(engines)('migrateTx on %s', (engine) => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase(engine);
  });
  afterAll(() => database.close());

  it('makes the tables, also when it runs again and by several instances at once', async () => {
    await Promise.all([database, database.another(), database.another()].map(({ knex }) => migrateTx(knex)));
    for (const table of tables) expect(await database.knex.schema.hasTable(table)).toBe(true);
    expect(await database.knex.schema.hasColumn('kit_saga', 'fence')).toBe(true);
  });

  it('is a migration source for knex, up and down, beside the tables that are there', async () => {
    const config = { migrationSource: txMigrationSource, tableName: 'kit_tx_migrations' };
    expect((await database.knex.migrate.latest(config))[1]).toEqual([
      'kit_tx_0001_saga_outbox_inbox_idempotency',
    ]);
    expect((await database.knex.migrate.latest(config))[1]).toEqual([]);
    await database.knex.migrate.rollback(config);
    for (const table of tables) expect(await database.knex.schema.hasTable(table)).toBe(false);
    await database.knex.migrate.latest(config);
    for (const table of tables) expect(await database.knex.schema.hasTable(table)).toBe(true);
  });

  it('tells keys apart by every byte', async () => {
    const row = { consumer: 'c', handled_at: 1 };
    await database.knex('kit_inbox').insert([
      { ...row, message_id: 'ä' },
      { ...row, message_id: 'Ä' },
      { ...row, message_id: 'a' },
      { ...row, message_id: 'a ' },
    ]);
    expect(await database.knex('kit_inbox')).toHaveLength(4);
  });
});

it('refuses a database that it does not know', async () => {
  const knex = { client: { dialect: 'oracle' } };
  await expect(migrateTx(knex as never)).rejects.toThrow(
    'knex must be for PostgreSQL, MySQL/MariaDB or SQLite, got oracle',
  );
  await expect(migrateTx(undefined as never)).rejects.toThrow(
    'knex must be for PostgreSQL, MySQL/MariaDB or SQLite, got undefined',
  );
});
