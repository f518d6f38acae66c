import knexFactory, { type Knex } from 'knex';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const migrations: { name: string; migration: Knex.Migration }[] = [
  {
    name: '001_effects',
    migration: {
      async up(knex) {
        await knex.schema.createTable('effects', (table) => {
          table.string('service', 40).notNullable();
          table.string('key', 200).notNullable();
          table.string('id', 40).notNullable().index();
          table.string('kind', 40).notNullable();
          table.string('reference', 100).notNullable().index();
          table.bigInteger('amount').notNullable();
          table.string('currency', 3).notNullable();
          table.string('request_hash', 64).notNullable();
          table.text('answer').notNullable();
          table.integer('deliveries').notNullable();
          table.bigInteger('created_at').notNullable();
          table.primary(['service', 'key']);
        });
      },
      async down(knex) {
        await knex.schema.dropTable('effects');
      },
    },
  },
];

/** Opens the partners' SQLite file and brings it to the newest schema. */
export async function openDatabase(dataDir: string): Promise<Knex> {
  mkdirSync(dataDir, { recursive: true });
  const knex = knexFactory({
    client: 'better-sqlite3',
    connection: { filename: join(dataDir, 'partners.sqlite') },
    useNullAsDefault: true,
    // SQLite has one writer.
    pool: {
      min: 1,
      max: 1,
      afterCreate(connection: { pragma(text: string): unknown }, done: () => void) {
        connection.pragma('journal_mode = WAL');
        connection.pragma('busy_timeout = 5000');
        done();
      },
    },
  });
  await knex.migrate.latest({
    migrationSource: {
      getMigrations: () => Promise.resolve(migrations),
      getMigrationName: ({ name }: { name: string }) => name,
      getMigration: ({ migration }: { migration: Knex.Migration }) => Promise.resolve(migration),
    },
  });
  return knex;
}
