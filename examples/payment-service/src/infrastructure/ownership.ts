import type { Knex } from 'knex';

/**
 * The strict domain guard's first half: a database says whose it is. A service that was pointed at another's by mistake
 * refuses to start before it has created or changed a table. (The second half, `domain` of the transaction manager, asks
 * every new connection where it leads.)
 */
export async function assertOwnDatabase(knex: Knex, service: string, strict: boolean): Promise<void> {
  const owner = await ownerOf(knex);
  if (owner === undefined || owner === service || !strict) return;
  throw new Error(`the database belongs to ${owner}; give ${service} one of its own`);
}

async function ownerOf(knex: Knex): Promise<string | undefined> {
  if (await knex.schema.hasTable('database_owner')) {
    const row: { service: string } | undefined = await knex('database_owner').first();
    return row?.service;
  }
  // The one neighbour on this platform; it knows its database by name.
  return (await knex.schema.hasTable('import_rejects')) ? 'user-service' : undefined;
}

/** Part of the first migration; may run again after it was interrupted. */
export async function claimDatabase(knex: Knex, service: string): Promise<void> {
  if (!(await knex.schema.hasTable('database_owner'))) {
    await knex.schema.createTable('database_owner', (table) => {
      table.string('service', 60).primary();
    });
  }
  await knex('database_owner').insert({ service }).onConflict('service').ignore();
}
