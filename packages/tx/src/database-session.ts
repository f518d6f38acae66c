import type { Knex } from 'knex';
import { type Engine, nowSql } from './database-clock.js';
import { inTurn, isAlone } from './in-turn.js';
import { createTablesKnex, type TablesKnex } from './facade.js';
import { coreOf, type TransactionManager } from './manager.js';

/** @internal */
export interface DatabaseSession {
  readonly engine: Engine;
  /** SQL for the database's own time in milliseconds. */
  readonly now: string;
  /** In the current transaction, else on the pool; names and rows as they are in the database. */
  readonly db: TablesKnex;
  raw(sql: string, bindings?: readonly Knex.RawBinding[]): Knex.Raw;
  /** A write of its own, or a part of the transaction that is active. `statement`: one that needs no BEGIN where the engine allows. */
  write<T>(fn: () => PromiseLike<T>, needs?: 'statement' | 'transaction'): Promise<T>;
}

/**
 * What sagas, outbox, inbox and idempotency need of a manager, the same on every engine.
 *
 * @internal
 */
export function openSession(tm: TransactionManager): DatabaseSession {
  const core = coreOf(tm);
  const { engine } = tm;
  const db = createTablesKnex(core);
  return {
    engine,
    now: nowSql[engine],
    db,
    raw: (sql, bindings = []) => db.raw(sql, [...bindings]),
    write: async (fn, needs = 'statement') => {
      // A lone statement commits by itself.
      if (needs === 'statement' && engine !== 'sqlite') return fn();
      if (needs === 'statement' && isAlone(core)) return inTurn(core, fn, attempts);
      // Isolation and retry belong to whoever opened the transaction.
      if (tm.isActive()) return tm.run(async () => fn());
      // READ COMMITTED: SKIP LOCKED under MySQL's default would lock gaps, and inserts would wait for a poll.
      const isolation = engine === 'sqlite' ? {} : ({ isolation: 'read committed' } as const);
      return tm.run({ ...isolation, retry: { attempts } }, async () => fn());
    },
  };
}

const attempts = 5;
