import type { Knex } from 'knex';

/**
 * MariaDB and MySQL take the server's character set for new tables, which may be latin1: no emoji, and `ä` is taken for
 * `a`. From here on this database keeps every character and compares as the other engines do.
 */
export async function compareTextExactly(knex: Knex): Promise<void> {
  if (knex.client.config.client !== 'mysql2') return;
  await knex.raw('alter database character set utf8mb4 collate utf8mb4_bin');
}
