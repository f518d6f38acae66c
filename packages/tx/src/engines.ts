import { mysqlEngine } from './engine-mysql.js';
import { postgresEngine } from './engine-postgres.js';
import { sqliteEngine } from './engine-sqlite.js';
import type { Engine } from './engine.js';
import type { KnexClient } from './knex-port.js';

/** @throws TypeError for a database the manager does not know. */
export function engineFor(client: KnexClient): Engine {
  switch (client.driverName) {
    case 'pg':
    case 'pgnative':
      return postgresEngine;
    case 'mysql2':
    case 'mysql':
      return mysqlEngine;
    case 'better-sqlite3':
      return sqliteEngine;
    default:
      throw new TypeError(
        `primary must be a knex for pg, mysql2 or better-sqlite3, got one for ${JSON.stringify(client.driverName)}`,
      );
  }
}
