import { hash } from 'node:crypto';
import { currentFrame } from './context.js';
import type { Core } from './core.js';
import { TransactionTimeoutError } from './errors.js';
import { execute } from './knex-port.js';
import { show } from './options.js';

/** What an advisory lock is called. */
export type AdvisoryKey = string | number | bigint;

/** Runs `fn` with the database's lock on `key`, which is held until the transaction that is active here has ended. */
export async function withAdvisoryLock<T>(
  core: Core,
  db: { raw(sql: string, bindings: readonly (string | number)[]): PromiseLike<unknown> },
  key: AdvisoryKey,
  work: () => T | PromiseLike<T>,
): Promise<T> {
  const name = String(key);
  if (core.engine.kind === 'postgres')
    await db.raw('select pg_advisory_xact_lock(hashtextextended(?, 0))', [name]);
  if (core.engine.kind === 'mysql') await lockOnMysql(core, db, name);
  // SQLite has one writer at a time: the transaction is the lock.
  return work();
}

export function checkAdvisoryKey(key: unknown): void {
  const fits =
    (typeof key === 'string' && key !== '') ||
    typeof key === 'bigint' ||
    (typeof key === 'number' && Number.isFinite(key));
  if (!fits) throw new TypeError(`key must be a non-empty string, a number or a bigint, got ${show(key)}`);
}

/** MySQL's locks belong to the session: it is released when the transaction is over, not before. */
async function lockOnMysql(
  core: Core,
  db: { raw(sql: string, bindings: readonly (string | number)[]): PromiseLike<unknown> },
  name: string,
): Promise<void> {
  const frame = currentFrame(core.client);
  if (frame?.kind !== 'tx') return;
  // Names are limited to 64 characters.
  const lock = `kit:${hash('sha1', name)}`;
  const [rows] = (await db.raw('select get_lock(?, ?) as locked', [lock, foreverSeconds])) as [
    { locked: number | null }[],
  ];
  // NULL: the wait was ended by max_statement_time or KILL.
  if (rows[0]?.locked !== 1)
    throw new TransactionTimeoutError(`Advisory lock "${name}" did not come free in time`);
  const { physical } = frame.scope;
  physical.beforeRelease.push(async () => {
    await execute(physical.client, physical.connection, `DO RELEASE_LOCK('${lock}')`);
  });
}

const foreverSeconds = 31_536_000;
