import type { Knex } from 'knex';
import { claimDatabase } from './ownership.ts';
import { compareTextExactly } from './text.ts';

/** Every change of the schema, in order; each runs once a database. Never edit one that has been released. */
const migrations: { name: string; migration: Knex.Migration }[] = [
  {
    name: '000_owner',
    migration: {
      async up(knex) {
        await compareTextExactly(knex);
        await claimDatabase(knex, 'payment-service');
      },
      async down(knex) {
        await knex.schema.dropTable('database_owner');
      },
    },
  },
  {
    name: '001_payments',
    migration: {
      async up(knex) {
        await knex.schema.createTable('payments', (table) => {
          table.string('id', 40).primary();
          table.bigInteger('amount').notNullable();
          table.string('currency', 3).notNullable();
          table.string('customer_id', 100).notNullable();
          table.string('description', 500);
          table.string('status', 16).notNullable();
          table.string('failure_code', 64);
          table.string('failure_message', 500);
          table.string('order_id', 64);
          table.string('charge_id', 64);
          table.bigInteger('refunded_amount').notNullable();
          table.bigInteger('refunding_amount').notNullable();
          table.string('settlement_id', 40).index();
          table.bigInteger('created_at').notNullable();
          table.bigInteger('updated_at').notNullable();
          table.index(['created_at', 'id']);
          table.index(['customer_id', 'created_at']);
          table.check(
            'refunded_amount >= 0 and refunding_amount >= 0 and refunded_amount + refunding_amount <= amount',
            [],
            'payments_refunds_fit',
          );
        });
      },
      async down(knex) {
        await knex.schema.dropTable('payments');
      },
    },
  },
  {
    name: '002_refunds',
    migration: {
      async up(knex) {
        await knex.schema.createTable('refunds', (table) => {
          table.string('id', 40).primary();
          table.string('payment_id', 40).notNullable().references('payments.id');
          table.bigInteger('amount').notNullable();
          table.string('currency', 3).notNullable();
          table.string('reason', 500);
          table.string('status', 16).notNullable();
          table.string('failure_code', 64);
          table.string('failure_message', 500);
          table.string('channel_refund_id', 64);
          table.bigInteger('created_at').notNullable();
          table.bigInteger('updated_at').notNullable();
          table.index(['payment_id', 'created_at']);
        });
      },
      async down(knex) {
        await knex.schema.dropTable('refunds');
      },
    },
  },
  {
    name: '003_ledger_and_settlements',
    migration: {
      async up(knex) {
        await knex.schema.createTable('settlements', (table) => {
          table.string('id', 40).primary();
          table.string('currency', 3);
          table.string('status', 16).notNullable();
          table.bigInteger('gross_amount').notNullable();
          table.bigInteger('fee_amount').notNullable();
          table.bigInteger('net_amount').notNullable();
          table.string('failure_code', 64);
          table.string('failure_message', 500);
          table.bigInteger('created_at').notNullable();
          table.bigInteger('updated_at').notNullable();
          table.index(['created_at', 'id']);
        });
        await knex.schema.createTable('ledger_entries', (table) => {
          table.string('booking_id', 60).notNullable();
          table.integer('line').notNullable();
          table.string('kind', 20).notNullable();
          table.string('reference', 40).notNullable().index();
          table.string('account', 20).notNullable();
          table.string('currency', 3).notNullable();
          table.bigInteger('amount').notNullable();
          table.bigInteger('created_at').notNullable();
          // A booking that is made twice is refused by the database.
          table.primary(['booking_id', 'line']);
          table.index(['currency', 'account']);
        });
      },
      async down(knex) {
        await knex.schema.dropTable('ledger_entries');
        await knex.schema.dropTable('settlements');
      },
    },
  },
];

export const migrationSource: Knex.MigrationSource<(typeof migrations)[number]> = {
  getMigrations: () => Promise.resolve(migrations),
  getMigrationName: ({ name }) => name,
  getMigration: ({ migration }) => Promise.resolve(migration),
};
