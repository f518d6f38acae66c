import { checkMethods, checkMetrics } from './arguments.js';
import { untilClosed } from './closing.js';
import type { Metrics } from './metrics.js';
import { checkNumber } from './options.js';
import { createPending } from './pending-calls.js';

/** The part of knex that is used: its query events and its pool. */
export interface KnexLike {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  removeListener(event: string, listener: (...args: unknown[]) => void): unknown;
  readonly client: unknown;
}

/** What `instrumentKnex` takes. */
export interface InstrumentKnexOptions {
  /** Label `db`. @default the database's name, else the dialect */
  name?: string | undefined;
  /** Milliseconds from which a query counts as slow. Range 0 to 3,600,000. @default 500 */
  slowMs?: number | undefined;
}

interface Query {
  readonly __knexQueryUid?: string;
  readonly method?: string;
  readonly sql?: string;
}

/**
 * Measures the queries, the pool and the reachability of a knex instance by its own events. Returns `stop()`.
 * @example
 * import client from 'prom-client';
 * import type { Knex } from 'knex';
 * import { createMetrics, instrumentKnex } from '@kit/metrics';
 * declare const knex: Knex;
 * instrumentKnex(createMetrics({ client }), knex, { name: 'payment' });
 */
export function instrumentKnex(
  metrics: Metrics,
  knex: KnexLike,
  options: InstrumentKnexOptions = {},
): () => void {
  checkMetrics(metrics);
  checkMethods('knex', knex, ['on', 'removeListener']);
  const db = options.name ?? nameOf(knex);
  const slowMs = checkNumber('slowMs', options.slowMs ?? 500, 0, 3_600_000);
  const instruments = createDatabaseInstruments(metrics);
  const up = instruments.up.child(db);
  // Until something fails it counts as reachable: a pool opens its first connection on the first query.
  up.set(1);
  const pending = createPending();

  const settled = (query: Query | undefined, outcome: 'success' | 'failure') => {
    const ms = pending.end(query?.__knexQueryUid);
    if (ms === undefined) return;
    const operation = operationOf(query);
    instruments.duration.child(db, operation, outcome).observe(ms / 1_000);
    instruments.slow.child(db).inc(ms >= slowMs ? 1 : 0);
  };
  const onQuery = (query: Query) => pending.start(query.__knexQueryUid);
  const onResponse = (_response: unknown, query: Query) => {
    up.set(1);
    settled(query, 'success');
  };
  const onError = (error: unknown, query: Query) => {
    settled(query, 'failure');
    const code = codeOf(error);
    instruments.errors.child(db, code).inc();
    if (isConnectionLoss(code)) up.set(0);
  };
  const ends = [
    listen(knex, 'query', onQuery),
    listen(knex, 'query-response', onResponse),
    listen(knex, 'query-error', onError),
    watchPool(metrics, knex, db, (isUp) => up.set(isUp ? 1 : 0)),
  ];
  return untilClosed(metrics, () => {
    for (const end of ends) end();
  });
}

function createDatabaseInstruments(metrics: Metrics) {
  return {
    duration: metrics.histogram('kit_db_query_duration_seconds', {
      help: 'Duration of queries in seconds, by kind of statement.',
      labels: ['db', 'operation', 'outcome'],
    }),
    slow: metrics.counter('kit_db_slow_queries_total', {
      help: 'Queries that took longer than slowMs.',
      labels: ['db'],
    }),
    errors: metrics.counter('kit_db_query_errors_total', {
      help: 'Queries that failed, by the code of the driver.',
      labels: ['db', 'code'],
    }),
    up: metrics.gauge('kit_db_up', {
      help: 'Whether the last query or connection attempt reached the database: 1 yes, 0 no.',
      labels: ['db'],
      aggregate: 'min',
    }),
  };
}

/** tarn's counters, which knex's pool and its replacements share. */
interface Pool {
  readonly max?: number;
  numUsed(): number;
  numFree(): number;
  numPendingAcquires(): number;
  on?(event: string, listener: () => void): unknown;
  removeListener?(event: string, listener: () => void): unknown;
}

function watchPool(metrics: Metrics, knex: KnexLike, db: string, onReached: (isUp: boolean) => void) {
  const gauge = (name: string, help: string) =>
    metrics.gauge(`kit_db_pool_${name}`, { help, labels: ['db'] }).child(db);
  const used = gauge('used', 'Connections in use.');
  const free = gauge('free', 'Connections that are open and idle.');
  const waiting = gauge('waiting', 'Calls that wait for a connection.');
  const max = gauge('max', 'Connections the pool may open.');
  // A pool is gone after destroy() and another after initialize().
  const poolOf = () => (knex.client as { pool?: Partial<Pool> } | undefined)?.pool as Pool | undefined;
  const endScrape = metrics.onScrape(`kit_db_pool_used ${db}`, () => {
    const pool = poolOf();
    used.set(pool?.numUsed?.() ?? 0);
    free.set(pool?.numFree?.() ?? 0);
    waiting.set(pool?.numPendingAcquires?.() ?? 0);
    max.set(pool?.max ?? 0);
  });

  const pool = poolOf();
  const onSuccess = () => onReached(true);
  const onFail = () => onReached(false);
  if (typeof pool?.on === 'function') {
    pool.on('createSuccess', onSuccess);
    pool.on('createFail', onFail);
  }
  return () => {
    endScrape();
    pool?.removeListener?.('createSuccess', onSuccess);
    pool?.removeListener?.('createFail', onFail);
  };
}

function listen(knex: KnexLike, event: string, listener: (...args: never[]) => void): () => void {
  const safely = (...args: unknown[]) => {
    try {
      (listener as (...args: unknown[]) => void)(...args);
    } catch {
      // A listener that throws would fail the query itself.
    }
  };
  knex.on(event, safely);
  return () => void knex.removeListener(event, safely);
}

function nameOf(knex: KnexLike): string {
  const client = knex.client as
    | { connectionSettings?: { database?: unknown }; config?: { client?: unknown }; dialect?: unknown }
    | undefined;
  const database = client?.connectionSettings?.database;
  if (typeof database === 'string' && database !== '') return database;
  return typeof client?.dialect === 'string' ? client.dialect : 'default';
}

const VERBS: Readonly<Record<string, string>> = {
  select: 'select',
  with: 'select',
  insert: 'insert',
  update: 'update',
  delete: 'delete',
};

/** The statement's kind; the statement itself must not become a label. */
function operationOf(query: Query | undefined): string {
  const verb = /^\W*([a-z]+)/i.exec(query?.sql?.slice(0, 60) ?? '')?.[1]?.toLowerCase();
  return (verb && VERBS[verb]) ?? 'other';
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[A-Za-z0-9_]{1,60}$/.test(code) ? code : 'unknown';
}

/** Codes of Node, PostgreSQL (class 08, 57P0x) and mysql2 for "nobody there". */
function isConnectionLoss(code: string): boolean {
  return /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|PROTOCOL_CONNECTION_LOST|08|57P0)/.test(code);
}
