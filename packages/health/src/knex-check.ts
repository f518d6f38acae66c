import type { Check, CheckResult } from './check.js';
import { type ConnectionSource, pingKnex } from './knex-ping.js';
import { type KnexLike, poolOf, type PoolLike, type PoolState, poolState, withNumbers } from './knex-pool.js';
import { createRecentCount } from './recent-count.js';
import { requireDelay, requireMethod, requireText } from './rules.js';

/** Options of `knexCheck`. */
export interface KnexCheckOptions {
  /** @default 'database' */
  name?: string;
  /** Milliseconds to wait for a connection while all are at work, > 0. @default 500 */
  acquireTimeoutMs?: number;
  /** Milliseconds to wait for one where it may have to be made, > 0. @default 2000 */
  connectTimeoutMs?: number;
}

const maxWaits = 100;
const windowMs = 60_000;

/**
 * Reads the pool, then pings: an exhausted pool is degraded, a database that does not answer is unhealthy.
 *
 * Degraded above 90 % of the connections in use or more than 100 waits for one in the last 60 s. A pool of one
 * connection (SQLite) is in use whenever anything runs, so there the wait for it decides.
 *
 * @example
 * ```ts
 * import { createHealth, knexCheck } from '@kit/health';
 * import knex from 'knex';
 *
 * const db = knex({ client: 'pg', connection: process.env['DATABASE_URL'] ?? 'postgres://localhost/shop' });
 * createHealth().add(knexCheck(db));
 * ```
 */
export function knexCheck(knex: KnexLike, options: KnexCheckOptions = {}): Check {
  requireMethod('knex', knex, 'raw');
  const name = requireText('name', options.name ?? 'database');
  const acquireTimeoutMs = requireDelay('acquireTimeoutMs', options.acquireTimeoutMs ?? 500);
  const connectTimeoutMs = requireDelay('connectTimeoutMs', options.connectTimeoutMs ?? 2_000);
  const waits = createRecentCount(windowMs);
  let watched: PoolLike | undefined;
  let source: ConnectionSource | undefined;
  let pool: PoolLike | undefined;
  let isOwnRequest = false;

  // tarn tells of a request before it queues it: others that are pending mean that this one waits too.
  const onRequest = () => {
    if (!isOwnRequest && (pool?.numPendingAcquires?.() ?? 0) > 0) waits.add();
  };
  const watch = (next: PoolLike | undefined) => {
    if (next === watched) return;
    watched?.removeListener?.('acquireRequest', onRequest);
    watched = next;
    watched?.on?.('acquireRequest', onRequest);
    pool = withNumbers(next, knex);
    source = pool?.acquire ? { pool, acquire: requestOf(pool), isWaiting: false } : undefined;
  };
  const requestOf = (from: PoolLike) => () => {
    isOwnRequest = true;
    try {
      return from.acquire!();
    } finally {
      isOwnRequest = false;
    }
  };
  watch(poolOf(knex));

  return {
    name,
    async check(ctx) {
      // `knex.initialize()` after a `destroy()` brings a new pool.
      watch(poolOf(knex));
      const state = poolState(pool, waits.count(ctx.now));
      const patienceMs = state.isExhausted ? acquireTimeoutMs : connectTimeoutMs;
      const ping = await pingKnex(knex, source, {
        patienceMs,
        isExhausted: () => poolState(pool, 0).isExhausted,
        signal: ctx.signal,
      });
      return judge(state, ping, patienceMs);
    },
    close: () => watch(undefined),
  };
}

function judge(
  { metadata, recentWaits, isBusy }: PoolState,
  ping: Awaited<ReturnType<typeof pingKnex>>,
  patienceMs: number,
): CheckResult {
  if (ping === 'exhausted')
    return {
      status: 'degraded',
      message: `the pool is exhausted: no connection within ${patienceMs} ms`,
      metadata,
    };
  if (ping === 'no-connection')
    return { status: 'unhealthy', message: `no connection within ${patienceMs} ms`, metadata };
  if (typeof ping === 'object') return { status: 'unhealthy', message: ping.failure, metadata };
  if (isBusy) return { status: 'degraded', message: 'more than 90 % of the pool is in use', metadata };
  if (recentWaits > maxWaits)
    return {
      status: 'degraded',
      message: `${recentWaits} waits for a connection in the last 60 s`,
      metadata,
    };
  return { status: 'healthy', metadata };
}
