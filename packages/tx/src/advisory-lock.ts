import { hash } from 'node:crypto';
import { isStorable } from './check-text.js';
import { currentFrame } from './context.js';
import type { Core } from './core.js';
import { PropagationError, TransactionTimeoutError } from './errors.js';
import { execute } from './knex-port.js';
import { show } from './options.js';
import type { Scope } from './scope.js';

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
  const frame = currentFrame(core.client);
  // SQLite has one writer at a time: there the transaction is the lock, and one that only reads is none.
  const holds = frame?.kind === 'tx' && !(core.engine.kind === 'sqlite' && frame.scope.physical.readOnly);
  if (!holds)
    throw new PropagationError(
      `advisoryLock(${show(name)}) of "${core.name}" needs a transaction that holds the lock, got options without one; leave out readOnly, SUPPORTS, NOT_SUPPORTED and NEVER`,
    );
  if (core.engine.kind === 'postgres')
    await db.raw('select pg_advisory_xact_lock(hashtextextended(?, 0))', [name]);
  if (core.engine.kind === 'mysql') await lockOnMysql(frame.scope, db, name);
  return work();
}

export function checkAdvisoryKey(key: unknown): void {
  const fits =
    (typeof key === 'string' && key !== '') ||
    typeof key === 'bigint' ||
    (typeof key === 'number' && Number.isFinite(key));
  if (!fits) throw new TypeError(`key must be a non-empty string, a number or a bigint, got ${show(key)}`);
  if (typeof key === 'string' && !isStorable(key))
    throw new TypeError(`key must be well-formed text without NUL, got ${show(key)}`);
}

/** MySQL's locks belong to the session: it is released when the transaction is over, not before. */
async function lockOnMysql(
  { physical }: Scope,
  db: { raw(sql: string, bindings: readonly (string | number)[]): PromiseLike<unknown> },
  name: string,
): Promise<void> {
  // Names are limited to 64 characters.
  const lock = `kit:${hash('sha1', name)}`;
  const [rows] = (await db.raw('select get_lock(?, ?) as locked', [lock, foreverSeconds])) as [
    { locked: number | null }[],
  ];
  // NULL: the wait was ended by max_statement_time or KILL.
  if (rows[0]?.locked !== 1)
    throw new TransactionTimeoutError(`Advisory lock "${name}" did not come free in time`);
  physical.beforeRelease.push(async () => {
    await execute(physical.client, physical.connection, `DO RELEASE_LOCK('${lock}')`);
  });
}

const foreverSeconds = 31_536_000;
