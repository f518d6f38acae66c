import knexFactory, { type Knex } from 'knex';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

interface SqliteConnection {
  pragma(text: string): unknown;
  prepare(sql: string): unknown;
}

/** The embedded default: one file, one writer, no server. */
export function openSqlite(filename: string): Knex {
  mkdirSync(dirname(filename), { recursive: true });
  return knexFactory({
    client: 'better-sqlite3',
    connection: { filename },
    useNullAsDefault: true,
    // Errors keep the statement and leave out its values: they are logged.
    compileSqlOnError: false,
    // SQLite has one writer.
    pool: {
      min: 1,
      max: 1,
      afterCreate(connection: SqliteConnection, done: (error: unknown, connection: unknown) => void) {
        connection.pragma('journal_mode = WAL');
        // What a killed process committed is there. A power failure may take the last commits along; FULL would not, and
        // waits for the disk in each of them. (better-sqlite3 is built with NORMAL; it should be read here.)
        connection.pragma('synchronous = NORMAL');
        connection.pragma('foreign_keys = ON');
        keepStatements(connection);
        done(null, connection);
      },
    },
  });
}

/** knex prepares every statement anew, which takes SQLite longer than to run it: those it has seen are kept. */
function keepStatements(connection: SqliteConnection, max = 500): void {
  const prepare = connection.prepare.bind(connection);
  const kept = new Map<string, unknown>();
  connection.prepare = (sql) => {
    // A PRAGMA acts when it is prepared.
    if (!/^\s*(select|insert|update|delete|begin|commit|rollback|savepoint|release)\b/i.test(sql))
      return prepare(sql);
    let statement = kept.get(sql);
    if (statement === undefined) {
      if (kept.size >= max) kept.clear();
      kept.set(sql, (statement = prepare(sql)));
    }
    return statement;
  };
}
