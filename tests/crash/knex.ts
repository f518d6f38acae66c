import createKnex, { type Knex } from 'knex';

export type EngineName = 'postgres' | 'mariadb' | 'sqlite';

export function openKnex(engine: EngineName, location: string): Knex {
  const knex =
    engine === 'sqlite'
      ? createKnex({ client: 'better-sqlite3', connection: { filename: location }, useNullAsDefault: true })
      : createKnex({
          client: engine === 'postgres' ? 'pg' : 'mysql2',
          connection: location,
          pool: { min: 0, max: 8 },
        });
  // Servers are killed here on purpose; an idle connection that notices must not end the process.
  knex.client.on('error', () => {});
  return knex;
}
