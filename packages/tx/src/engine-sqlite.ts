import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Engine } from './engine.js';
import { execute, type Connection } from './knex-port.js';
import { leadingWords } from './statement.js';

interface SqliteConnection extends Connection {
  inTransaction: boolean;
  name: string;
  open: boolean;
  memory: boolean;
  exec(sql: string): unknown;
  pragma(sql: string, options?: { simple: boolean }): unknown;
  close(): void;
}

export const sqliteEngine: Engine = {
  kind: 'sqlite',
  isolations: ['serializable'],
  isolationOf: () => Promise.resolve('serializable'),
  textRules: {},
  canCancel: false,
  drainsStreams: false,

  async begin(client, connection, options) {
    if (options.readOnly === true) {
      await execute(client, connection, 'BEGIN');
      // A deferred transaction takes its snapshot at the first read, which may be long after this call.
      await execute(client, connection, 'SELECT 1 FROM sqlite_schema LIMIT 1');
      return;
    }
    await execute(client, connection, 'BEGIN IMMEDIATE');
  },

  async commit(client, connection) {
    await execute(client, connection, 'COMMIT');
    return { committed: true };
  },

  truth: (connection) => ((connection as SqliteConnection).inTransaction ? 'open' : 'none'),
  truthAfterError: (_client, connection) => Promise.resolve(sqliteEngine.truth(connection)),

  endsTransaction(sql) {
    return leadingWords(sql, sqliteEngine.textRules).some(({ words: [first] }) =>
      controlWords.has(first ?? ''),
    );
  },

  isRetryable: (error) => (error as { code?: string } | null)?.code?.startsWith?.('SQLITE_BUSY') === true,
  isTimeout: () => false,
  isDefinite: () => true,
  isConnectionLost: (error) => /connection is not open/.test((error as Error | null)?.message ?? ''),

  replaySharesFile: (primary, replica) => {
    // A pool whose settings come from a function has none before its first connection.
    const files = [primary, replica].map((client) => client.connectionSettings?.filename ?? '');
    return real(files[0]!) !== ':memory:' && sameFile(files[0]!, files[1]!);
  },

  borrow(connection) {
    const sqlite = connection as SqliteConnection;
    const before = Number(sqlite.pragma('busy_timeout', { simple: true }));
    sqlite.pragma('busy_timeout = 0');
    return () => {
      if (sqlite.open) sqlite.pragma(`busy_timeout = ${before}`);
    };
  },

  guardReads(_client, connection, on) {
    (connection as SqliteConnection).pragma(`query_only = ${on ? 'ON' : 'OFF'}`);
    return Promise.resolve();
  },

  destroy(connection) {
    const sqlite = connection as SqliteConnection;
    // An in-memory database lives in its connection: it is only rolled back.
    if (sqlite.inTransaction) sqlite.exec('ROLLBACK');
    if (!sqlite.memory) sqlite.close();
  },

  identify(_client, connection) {
    return Promise.resolve({ database: (connection as SqliteConnection).name, hosts: [] });
  },
};

/** Two names of one file, however they are written. */
export function sameFile(one: string, other: string): boolean {
  return real(one) === real(other);
}

function real(file: string): string {
  if (file === ':memory:' || file === '') return ':memory:';
  try {
    return realpathSync(file);
  } catch {
    return resolve(file);
  }
}

const controlWords = new Set(['begin', 'commit', 'end', 'rollback', 'savepoint', 'release']);
