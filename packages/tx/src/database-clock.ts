import type { TransactionManager } from './manager.js';

/** @internal */
export type Engine = TransactionManager['engine'];

/**
 * The database's own time as milliseconds since 1970: instances whose clocks disagree still agree on who holds a lease.
 *
 * @internal
 */
export const nowSql: Record<Engine, string> = {
  // Not now(): that stands still for the length of a transaction.
  postgres: '(extract(epoch from clock_timestamp()) * 1000)::bigint',
  // UTC_TIMESTAMP, not UNIX_TIMESTAMP(NOW()): the latter is ambiguous for an hour each autumn.
  mysql: "(timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000)",
  sqlite: "cast((julianday('now') - 2440587.5) * 86400000 as integer)",
};
