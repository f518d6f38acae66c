import { read, readNumber, readString } from '../read.js';
import type { CommonErrorCode } from '../common-errors.js';
import { explicitStatusOf } from './http-status.js';
import { type ErrorMapper, standIn } from './stand-in.js';

/**
 * Errors of pg, postgres.js, mysql2, mariadb, better-sqlite3 and node:sqlite, raw or through knex: by SQLSTATE, by
 * MySQL's `errno`, by SQLite's extended result code. The driver's message never leaves, it quotes rows.
 */
export const mapDatabaseError: ErrorMapper = (error) => {
  const code = postgresCode(error) ?? mysqlCode(error) ?? sqliteCode(error) ?? connectionCode(error);
  if (!code) return undefined;
  const mapped = standIn(code, error);
  // `createError(409, databaseError)` puts a status on the driver's error: whoever did that knew better.
  const explicit = explicitStatusOf(error);
  return explicit === undefined || explicit === mapped.status ? mapped : undefined;
};

type Outcome = CommonErrorCode | undefined;

/** https://www.postgresql.org/docs/18/errcodes-appendix.html */
function postgresCode(error: unknown): Outcome {
  const sqlState = readString(error, 'code') ?? '';
  if (!sqlStatePattern.test(sqlState)) return undefined;
  return bySqlState[sqlState] ?? bySqlStateClass[sqlState.slice(0, 2)] ?? 'SYS_DATABASE_ERROR';
}

// Five characters also make EPIPE and EPERM: only classes that SQL or PostgreSQL define, which all have a digit or are XX.
const sqlStatePattern = /^(?:0[0-9A-Z]|2[0-9A-Z]|3[0-9A-Z]|4[0-9A-Z]|5[3-8]|72|F0|HV|P0|XX)[0-9A-Z]{3}$/;

const bySqlState: Record<string, CommonErrorCode> = {
  23505: 'RES_ALREADY_EXISTS', // unique_violation
  23502: 'VAL_INVALID_INPUT', // not_null_violation
  23514: 'VAL_INVALID_INPUT', // check_violation
  23503: 'RES_CONFLICT', // foreign_key_violation
  23001: 'RES_CONFLICT', // restrict_violation: what PostgreSQL 18 says for ON DELETE RESTRICT
  '23P01': 'RES_CONFLICT', // exclusion_violation
  40001: 'SYS_UNAVAILABLE', // serialization_failure
  '40P01': 'SYS_UNAVAILABLE', // deadlock_detected
  '55P03': 'SYS_UNAVAILABLE', // lock_not_available
  53300: 'SYS_UNAVAILABLE', // too_many_connections
  '57P01': 'SYS_UNAVAILABLE', // admin_shutdown
  '57P02': 'SYS_UNAVAILABLE', // crash_shutdown
  '57P03': 'SYS_UNAVAILABLE', // cannot_connect_now
};
const bySqlStateClass: Record<string, CommonErrorCode> = { '08': 'SYS_UNAVAILABLE' }; // connection exceptions

/** https://mariadb.com/kb/en/mariadb-error-code-reference/, MySQL 8 server error reference */
function mysqlCode(error: unknown): Outcome {
  const errno = readNumber(error, 'errno');
  const code = readString(error, 'code') ?? '';
  if (errno !== undefined && byMysqlErrno[errno]) return byMysqlErrno[errno];
  if (mysqlConnectionCodes.has(code)) return 'SYS_UNAVAILABLE';
  return code.startsWith('ER_') ||
    (errno !== undefined && errno > 0 && readString(error, 'sqlState') !== undefined)
    ? 'SYS_DATABASE_ERROR'
    : undefined;
}

const byMysqlErrno: Record<number, CommonErrorCode> = {
  1062: 'RES_ALREADY_EXISTS', // ER_DUP_ENTRY
  1586: 'RES_ALREADY_EXISTS', // ER_DUP_ENTRY_WITH_KEY_NAME
  1048: 'VAL_INVALID_INPUT', // ER_BAD_NULL_ERROR
  1364: 'VAL_INVALID_INPUT', // ER_NO_DEFAULT_FOR_FIELD: a NOT NULL column that the insert leaves out
  3819: 'VAL_INVALID_INPUT', // ER_CHECK_CONSTRAINT_VIOLATED, MySQL
  4025: 'VAL_INVALID_INPUT', // ER_CONSTRAINT_FAILED, MariaDB
  1451: 'RES_CONFLICT', // ER_ROW_IS_REFERENCED_2
  1452: 'RES_CONFLICT', // ER_NO_REFERENCED_ROW_2
  1213: 'SYS_UNAVAILABLE', // ER_LOCK_DEADLOCK
  1205: 'SYS_UNAVAILABLE', // ER_LOCK_WAIT_TIMEOUT
  1020: 'SYS_UNAVAILABLE', // ER_CHECKREAD: MariaDB's snapshot isolation
  1040: 'SYS_UNAVAILABLE', // ER_CON_COUNT_ERROR
  1053: 'SYS_UNAVAILABLE', // ER_SERVER_SHUTDOWN
  1203: 'SYS_UNAVAILABLE', // ER_TOO_MANY_USER_CONNECTIONS
  1927: 'SYS_UNAVAILABLE', // ER_CONNECTION_KILLED
};
const mysqlConnectionCodes = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR',
  'POOL_CLOSED',
  'POOL_CONNLIMIT',
  'POOL_ENQUEUELIMIT',
  'POOL_NONEONLINE',
]);

/** https://www.sqlite.org/rescode.html. better-sqlite3 names the code, node:sqlite gives its number as `errcode`. */
function sqliteCode(error: unknown): Outcome {
  const name = readString(error, 'code') ?? '';
  const named = name.startsWith('SQLITE_');
  const extended =
    readNumber(error, 'errcode') ??
    (named ? (readNumber(error, 'rawCode') ?? sqliteNames[name] ?? readNumber(error, 'errno')) : undefined);
  if (extended === undefined) return named || name === 'ERR_SQLITE_ERROR' ? 'SYS_DATABASE_ERROR' : undefined;
  // ON DELETE RESTRICT is a trigger inside of SQLite; only its sentence tells it from a trigger of the user's.
  if (extended === sqliteTrigger && readString(error, 'message')?.endsWith('FOREIGN KEY constraint failed')) {
    return 'RES_CONFLICT';
  }
  return bySqliteCode[extended] ?? bySqliteCode[extended & 0xff] ?? 'SYS_DATABASE_ERROR';
}

const sqliteTrigger = 1811;
const sqliteNames: Record<string, number> = {
  SQLITE_CONSTRAINT_UNIQUE: 2067,
  SQLITE_CONSTRAINT_PRIMARYKEY: 1555,
  SQLITE_CONSTRAINT_ROWID: 2579,
  SQLITE_CONSTRAINT_NOTNULL: 1299,
  SQLITE_CONSTRAINT_CHECK: 275,
  SQLITE_CONSTRAINT_FOREIGNKEY: 787,
  SQLITE_CONSTRAINT_TRIGGER: sqliteTrigger,
  SQLITE_BUSY: 5,
  SQLITE_BUSY_RECOVERY: 261,
  SQLITE_BUSY_SNAPSHOT: 517,
  SQLITE_BUSY_TIMEOUT: 773,
  SQLITE_LOCKED: 6,
  SQLITE_LOCKED_SHAREDCACHE: 262,
};
const bySqliteCode: Record<number, CommonErrorCode> = {
  2067: 'RES_ALREADY_EXISTS',
  1555: 'RES_ALREADY_EXISTS',
  2579: 'RES_ALREADY_EXISTS',
  1299: 'VAL_INVALID_INPUT',
  275: 'VAL_INVALID_INPUT',
  787: 'RES_CONFLICT',
  5: 'SYS_UNAVAILABLE',
  6: 'SYS_UNAVAILABLE',
};

/** A database that is away or a pool that is empty: partly known by a code, partly by a name or a fixed sentence only. */
function connectionCode(error: unknown): Outcome {
  const name = readString(error, 'name') ?? '';
  if (name === 'KnexTimeoutError' || name === 'MaxRetriesPerRequestError') return 'SYS_UNAVAILABLE';
  if (name !== 'TypeError' && connectionCodes.has(readString(error, 'code') ?? '')) return 'SYS_UNAVAILABLE';
  if (read(error, 'fatal') === true && readString(error, 'code') === 'ETIMEDOUT') return 'SYS_UNAVAILABLE';
  return isConnectionSentence(readString(error, 'message') ?? '') ? 'SYS_UNAVAILABLE' : undefined;
}

/** Whether a driver says with these words, and with nothing else, that the connection is gone. */
export function isConnectionSentence(message: string): boolean {
  // knex puts the statement in front of the driver's sentence.
  return connectionSentences.some((sentence) => message.endsWith(sentence));
}

const connectionCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
const connectionSentences = [
  'Connection terminated unexpectedly',
  'Connection terminated',
  'Connection terminated due to connection timeout',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  "Can't add new command when connection is in closed state",
  'Queue limit reached.',
  'Pool is closed.',
  'Connection is closed.',
];
