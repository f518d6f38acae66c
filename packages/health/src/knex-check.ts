import type { Check, CheckResult } from './check.js';
import { pingKnex } from './knex-ping.js';
import { type KnexLike, poolOf, type PoolLike, type PoolState, poolState } from './knex-pool.js';
import { createRecentCount } from './recent-count.js';
import { requireDelay, requireMethod, requireText } from './rules.js';

/** Options of `knexCheck`. */
export interface KnexCheckOptions {
  /** @default 'database' */
  name?: string;
  /** Milliseconds the ping may wait for a free connection, > 0. @default 1000 */
  acquireTimeoutMs?: number;
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
 * const db = knex({ client: 'pg', connection: process.env.DATABASE_URL });
 * createHealth().add(knexCheck(db));
 * ```
 */
export function knexCheck(knex: KnexLike, options: KnexCheckOptions = {}): Check {
  requireMethod('knex', knex, 'raw');
  const name = requireText('name', options.name ?? 'database');
  const acquireTimeoutMs = requireDelay('acquireTimeoutMs', options.acquireTimeoutMs ?? 1_000);
  const waits = createRecentCount(windowMs);
  let isOwnRequest = false;

  // tarn tells of a request before it queues it: others that are pending mean that this one waits too.
  const onRequest = () => {
    if (!isOwnRequest && (watched?.numPendingAcquires?.() ?? 0) > 0) waits.add();
  };
  let watched: PoolLike | undefined;
  const watch = (pool: PoolLike | undefined) => {
    if (pool === watched) return;
    watched?.removeListener?.('acquireRequest', onRequest);
    watched = pool;
    pool?.on?.('acquireRequest', onRequest);
  };
  watch(poolOf(knex));

  return {
    name,
    async check(ctx) {
      // `knex.initialize()` after a `destroy()` brings a new pool.
      watch(poolOf(knex));
      const pool = poolState(watched, waits.count(ctx.now));
      const acquire = () => {
        isOwnRequest = true;
        try {
          return watched!.acquire!();
        } finally {
          isOwnRequest = false;
        }
      };
      const ping = await pingKnex(knex, watched?.acquire ? { pool: watched, acquire } : undefined, {
        acquireTimeoutMs,
        isExhausted: () => poolState(watched, 0).isExhausted,
        signal: ctx.signal,
      });
      return judge(pool, ping, acquireTimeoutMs);
    },
    close: () => watch(undefined),
  };
}

function judge(
  { metadata, recentWaits, isBusy }: PoolState,
  ping: Awaited<ReturnType<typeof pingKnex>>,
  acquireTimeoutMs: number,
): CheckResult {
  if (ping === 'exhausted')
    return {
      status: 'degraded',
      message: `the pool is exhausted: no connection within ${acquireTimeoutMs} ms`,
      metadata,
    };
  if (ping === 'no-connection')
    return { status: 'unhealthy', message: `no connection within ${acquireTimeoutMs} ms`, metadata };
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
