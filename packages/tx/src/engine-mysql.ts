import type { Engine } from './engine.js';
import { execute, type Connection } from './knex-port.js';
import type { Isolation } from './options.js';
import { leadingWords } from './statement.js';

interface MysqlConnection extends Connection {
  config?: { host?: string };
  stream?: { destroy(): void; remoteAddress?: string };
  _handshakePacket?: { serverVersion?: string };
}
interface MysqlError {
  code?: string;
  errno?: number;
  sqlState?: string;
  fatal?: boolean;
}

// SERVER_STATUS_IN_TRANS of the protocol's OK packet.
const inTransaction = 1;

export const mysqlEngine: Engine = {
  kind: 'mysql',
  isolations: ['read uncommitted', 'read committed', 'repeatable read', 'serializable'],
  textRules: { executableComments: true },
  canCancel: true,
  drainsStreams: true,

  async begin(client, connection, options) {
    if (options.timeoutMs !== undefined) {
      const [setting, limit] = timeLimit(connection, options.timeoutMs);
      // What the session had is kept in the session, so that it costs no round trip.
      await execute(
        client,
        connection,
        `SET @kit_before = @@SESSION.${setting}, SESSION ${setting} = ${limit}`,
      );
    }
    const isolation = options.snapshot === true ? 'repeatable read' : options.isolation;
    if (isolation !== undefined)
      await execute(client, connection, `SET TRANSACTION ISOLATION LEVEL ${isolation.toUpperCase()}`);
    const modes = [
      options.snapshot === true ? 'WITH CONSISTENT SNAPSHOT' : '',
      options.readOnly === true ? 'READ ONLY' : '',
    ].filter(Boolean);
    await execute(client, connection, ['START TRANSACTION', modes.join(', ')].join(' ').trim());
  },

  async isolationOf(client, connection) {
    const variable = isMariaDb(connection) ? '@@tx_isolation' : '@@transaction_isolation';
    const [rows] = (await execute(client, connection, `SELECT ${variable} AS level`)) as [
      { level: string }[],
    ];
    return rows[0]?.level.replace('-', ' ').toLowerCase() as Isolation;
  },

  async commit(client, connection, wantPosition) {
    await execute(client, connection, 'COMMIT');
    return { committed: true, position: wantPosition ? await logPosition(client, connection) : undefined };
  },

  position: logPosition,

  replayed: {
    async ask(client, connection, wanted) {
      const sql = isMariaDb(connection)
        ? `SELECT MASTER_GTID_WAIT('${wanted}', 0) = 0 AS reached`
        : `SELECT GTID_SUBSET('${wanted}', @@global.gtid_executed) AS reached`;
      const [rows] = (await execute(client, connection, sql)) as [{ reached: number | null }[]];
      return rows[0]?.reached === 1 ? wanted : undefined;
    },
    includes: (reached, wanted) => reached === wanted,
    measure: countTransactions,
  },

  async restore(client, connection, options) {
    if (options.timeoutMs === undefined) return;
    const [setting] = timeLimit(connection, options.timeoutMs);
    await execute(client, connection, `SET SESSION ${setting} = @kit_before`);
  },

  /** Only OK packets carry the status; a result set cannot have ended the transaction. */
  truth(_connection, response) {
    const status = statusOf(response);
    return status === undefined || (status & inTransaction) !== 0 ? 'open' : 'none';
  },

  async truthAfterError(client, connection, error) {
    const { errno, sqlState } = (error ?? {}) as MysqlError;
    // A deadlock's victim is rolled back whole; what follows on the connection would autocommit.
    if (errno === 1213) return 'none';
    if (mysqlEngine.isConnectionLost(error)) return 'none';
    if (sqlState === undefined) return 'open';
    return mysqlEngine.truth(connection, await execute(client, connection, 'DO 0'));
  },

  endsTransaction(sql, active) {
    return leadingWords(sql, mysqlEngine.textRules).some(({ words, text }) => endsIt(words, text, active));
  },

  isRetryable: (error) => [1213, 1205, 1020].includes((error as MysqlError | null)?.errno ?? 0),
  // 1969 max_statement_time (MariaDB), 3024 max_execution_time (MySQL), 1317 KILL QUERY
  isTimeout: (error) => [1969, 3024, 1317].includes((error as MysqlError | null)?.errno ?? 0),

  isDefinite(error) {
    const { sqlState, fatal, errno } = (error ?? {}) as MysqlError;
    // 1053 shutdown in progress, 1317 interrupted, 1927 connection was killed
    return sqlState !== undefined && fatal !== true && ![1053, 1317, 1927].includes(errno ?? 0);
  },

  isConnectionLost(error) {
    const { fatal, code, errno } = (error ?? {}) as MysqlError;
    return (
      fatal === true ||
      [1053, 1927].includes(errno ?? 0) ||
      /^(PROTOCOL_CONNECTION_LOST|ECONN\w+|EPIPE|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH)$/.test(code ?? '') ||
      /closed state/.test((error as Error | null)?.message ?? '')
    );
  },

  async guardReads(client, connection, on) {
    await execute(client, connection, `SET SESSION TRANSACTION READ ${on ? 'ONLY' : 'WRITE'}`);
  },

  destroy(connection) {
    (connection as MysqlConnection).stream?.destroy();
  },

  async identify(client, connection) {
    const [rows] = (await execute(client, connection, 'SELECT DATABASE() AS name')) as [
      { name: string | null }[],
    ];
    const { config, stream } = connection as MysqlConnection;
    return {
      database: rows[0]?.name ?? '',
      hosts: [config?.host, stream?.remoteAddress].filter((name) => name !== undefined),
    };
  },
};

/**
 * How many transactions a position has, which only grows on one server: MariaDB writes `domain-server-sequence,…`,
 * MySQL `uuid:first-last:…,…`.
 */
function countTransactions(position: string): bigint {
  let count = 0n;
  for (const part of position.split(',')) {
    const [source = '', ...ranges] = part.trim().split(':');
    if (ranges.length === 0) count += BigInt(source.split('-').at(-1) ?? 0);
    for (const range of ranges) {
      // MySQL 8.3 may put a tag before them.
      if (!/^\d/.test(range)) continue;
      const [first = '0', last = first] = range.split('-');
      count += BigInt(last) - BigInt(first) + 1n;
    }
  }
  return count;
}

/** The log position of MariaDB (GTID list) or MySQL (GTID set); none where the binary log is off. */
async function logPosition(
  client: Parameters<Engine['commit']>[0],
  connection: Connection,
): Promise<string | undefined> {
  const variable = isMariaDb(connection) ? '@@gtid_binlog_pos' : '@@global.gtid_executed';
  try {
    const [rows] = (await execute(client, connection, `SELECT ${variable} AS position`)) as [
      { position: string | null }[],
    ];
    return rows[0]?.position || undefined;
  } catch {
    // The commit has happened; not knowing where only sends the next reads to the primary.
    return undefined;
  }
}

/** MariaDB counts in seconds, MySQL in milliseconds. */
function timeLimit(connection: Connection, timeoutMs: number): [setting: string, limit: number] {
  return isMariaDb(connection)
    ? ['max_statement_time', timeoutMs / 1000]
    : ['max_execution_time', Math.ceil(timeoutMs)];
}

function statusOf(response: unknown): number | undefined {
  const rows = Array.isArray(response) ? (response as unknown[])[0] : undefined;
  // A CALL answers with result sets and, last, the status.
  const header = Array.isArray(rows) ? (rows as unknown[]).at(-1) : rows;
  const { serverStatus, affectedRows } = (header ?? {}) as { serverStatus?: unknown; affectedRows?: unknown };
  // A row may have a column of that name.
  return typeof serverStatus === 'number' && affectedRows !== undefined ? serverStatus : undefined;
}

export function isMariaDb(connection: Connection): boolean {
  return /mariadb/i.test((connection as MysqlConnection)._handshakePacket?.serverVersion ?? '');
}

/** https://mariadb.com/kb/en/sql-statements-that-cause-an-implicit-commit/ */
function endsIt(words: readonly string[], text: string, active: boolean): boolean {
  const [first, second] = words;
  switch (first) {
    case 'create':
    case 'drop':
      return active && second !== 'temporary';
    case 'start':
    case 'begin':
      // BEGIN NOT ATOMIC is MariaDB's compound statement.
      return second !== 'not';
    case 'set':
      return /\bautocommit\b/i.test(text);
    case 'lock':
    case 'unlock':
      return second === 'tables' || second === 'table' || second === 'instance';
    default:
      return controlWords.has(first ?? '') || (active && implicitCommits.has(first ?? ''));
  }
}

const controlWords = new Set(['commit', 'rollback', 'savepoint', 'release', 'xa']);

const implicitCommits = new Set(
  (
    'alter truncate rename grant revoke analyze optimize repair check cache ' +
    'flush reset install uninstall change stop'
  ).split(' '),
);
