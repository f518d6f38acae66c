import type { Knex } from 'knex';
import { compareTextExactly } from './text.ts';

type Migration = Knex.Migration & { name: string };

/** Every change of the schema, in order. One that has been released is never edited. */
const migrations: Migration[] = [
  {
    name: '001_users',
    async up(knex) {
      await compareTextExactly(knex);
      await knex.schema.createTable('users', (table) => {
        table.string('id', 36).primary();
        table.string('email', 254).notNullable().unique();
        table.string('name', 200).notNullable();
        table.string('phone', 20);
        table.string('role', 10).notNullable();
        table.string('password_hash', 200);
        table.bigInteger('created_at').notNullable();
        table.bigInteger('updated_at').notNullable();
        table.index(['created_at', 'id']);
      });
    },
    async down(knex) {
      await knex.schema.dropTable('users');
    },
  },
  {
    name: '002_imports',
    async up(knex) {
      await knex.schema.createTable('imports', (table) => {
        table.string('file_hash', 64).primary();
        table.string('file', 500).notNullable();
        table.bigInteger('last_line').notNullable();
        table.bigInteger('imported').notNullable();
        table.bigInteger('rejected').notNullable();
        table.boolean('finished').notNullable();
      });
      await knex.schema.createTable('import_rejects', (table) => {
        table.string('file_hash', 64).notNullable();
        table.bigInteger('line').notNullable();
        table.string('reason', 500).notNullable();
        table.text('content').notNullable();
        table.primary(['file_hash', 'line']);
      });
    },
    async down(knex) {
      await knex.schema.dropTable('import_rejects');
      await knex.schema.dropTable('imports');
    },
  },
];

export const migrationSource: Knex.MigrationSource<Migration> = {
  getMigrations: () => Promise.resolve(migrations),
  getMigrationName: ({ name }) => name,
  getMigration: (migration) => Promise.resolve(migration),
};
