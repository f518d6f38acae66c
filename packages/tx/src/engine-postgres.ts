import type { Engine } from './engine.js';
import { execute, type Connection, type KnexClient } from './knex-port.js';
import type { Isolation } from './options.js';
import { leadingWords } from './statement.js';

interface PgConnection extends Connection {
  /** pg >= 8.17. */
  getTransactionStatus?(): 'I' | 'T' | 'E' | null;
  host?: string;
  connection?: { stream?: { destroy(): void; remoteAddress?: string } };
  end?(): Promise<void>;
}
interface PgError {
  code?: string;
  severity?: string;
}
interface PgResult {
  command?: string;
  rows?: Record<string, unknown>[];
}

export const postgresEngine: Engine = {
  kind: 'postgres',
  isolations: ['read uncommitted', 'read committed', 'repeatable read', 'serializable'],
  textRules: { dollarQuotes: true },
  canCancel: true,
  drainsStreams: false,

  async begin(client, connection, options) {
    const isolation = options.snapshot === true ? 'repeatable read' : options.isolation;
    const modes = [
      isolation === undefined ? '' : ` ISOLATION LEVEL ${isolation.toUpperCase()}`,
      options.readOnly === true ? ' READ ONLY' : '',
    ].join('');
    const limit = options.timeoutMs === undefined ? undefined : Math.ceil(options.timeoutMs);
    // One message, one round trip.
    const limits =
      limit === undefined
        ? ''
        : `; SET LOCAL statement_timeout = ${limit}; SET LOCAL idle_in_transaction_session_timeout = ${limit}`;
    await execute(client, connection, `BEGIN${modes}${limits}`);
  },

  async isolationOf(client, connection) {
    const { rows } = (await execute(client, connection, 'SHOW transaction_isolation')) as PgResult;
    return rows?.[0]?.transaction_isolation as Isolation;
  },

  async commit(client, connection, wantPosition) {
    const { command } = (await execute(client, connection, 'COMMIT')) as PgResult;
    // PostgreSQL answers the COMMIT of an aborted transaction with the tag ROLLBACK, and no error.
    const committed = command === 'COMMIT';
    return {
      committed,
      position: wantPosition && committed ? await logPosition(client, connection) : undefined,
    };
  },

  truth(connection) {
    const status = (connection as PgConnection).getTransactionStatus?.();
    if (status === 'E') return 'aborted';
    return status === 'I' ? 'none' : 'open';
  },

  truthAfterError(_client, connection, error) {
    const { severity } = error as PgError;
    if (severity === 'ERROR') return Promise.resolve('aborted');
    return Promise.resolve(
      postgresEngine.isConnectionLost(error) ? 'none' : postgresEngine.truth(connection),
    );
  },

  endsTransaction(sql) {
    return leadingWords(sql, postgresEngine.textRules).some(({ words: [first, second] }) =>
      first === 'prepare' ? second === 'transaction' : controlWords.has(first ?? ''),
    );
  },

  isRetryable: (error) => ['40001', '40P01'].includes((error as PgError | null)?.code ?? ''),
  // 57014 query_canceled by statement_timeout, 25P03 idle_in_transaction_session_timeout, 25P04 transaction_timeout
  isTimeout: (error) => ['57014', '25P03', '25P04'].includes((error as PgError | null)?.code ?? ''),
  isDefinite: (error) => (error as PgError | null)?.severity === 'ERROR',

  isConnectionLost(error) {
    const { code, severity, message } = (error ?? {}) as PgError & { message?: string };
    if (severity === 'FATAL' || severity === 'PANIC') return true;
    if (severity === 'ERROR') return false;
    return (
      /^(E[A-Z]+|08...|57P0.)$/.test(code ?? '') ||
      /connection (terminated|error|ended)|not queryable/i.test(message ?? '')
    );
  },

  async guardReads(client, connection, on) {
    // Not `off`: a role or a database may be read-only by its own setting.
    const sql = on ? 'SET default_transaction_read_only = on' : 'RESET default_transaction_read_only';
    await execute(client, connection, sql);
  },

  position: logPosition,

  replayed: {
    async ask(client, connection) {
      const sql = 'SELECT pg_last_wal_replay_lsn()::text AS position';
      const response = (await execute(client, connection, sql)) as PgResult;
      return (response.rows?.[0]?.position ?? undefined) as string | undefined;
    },
    includes: (reached, wanted) => logSequence(reached) >= logSequence(wanted),
    measure: logSequence,
  },

  destroy(connection) {
    (connection as PgConnection).connection?.stream?.destroy();
  },

  async identify(client, connection) {
    const response = (await execute(client, connection, 'SELECT current_database() AS name')) as PgResult;
    const { host, connection: wire } = connection as PgConnection;
    return {
      database: String(response.rows?.[0]?.name),
      hosts: [host, wire?.stream?.remoteAddress].filter((name) => name !== undefined),
    };
  },
};

const controlWords = new Set([
  'begin',
  'start',
  'commit',
  'end',
  'rollback',
  'abort',
  'savepoint',
  'release',
]);

/** Everything before this is in the log; not in the message of the COMMIT, whose answer must not depend on it. */
async function logPosition(client: KnexClient, connection: Connection): Promise<string | undefined> {
  try {
    const sql = 'SELECT pg_current_wal_insert_lsn()::text AS position';
    const response = (await execute(client, connection, sql)) as PgResult;
    return (response.rows?.[0]?.position ?? undefined) as string | undefined;
  } catch {
    // Not knowing only sends the next reads to the primary.
    return undefined;
  }
}

/** `16/B374D848`: two hexadecimal halves of a 64 bit number (PostgreSQL documentation, pg_lsn). */
function logSequence(lsn: string): bigint {
  const [high, low] = lsn.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}
