/** The part of tarn's pool that is read; a pool that lacks a part leaves out what it would have told. */
export interface PoolLike {
  numUsed?(): number;
  numFree?(): number;
  numPendingAcquires?(): number;
  readonly max?: number;
  acquire?(): PendingConnection;
  release?(connection: unknown): unknown;
  on?(event: string, listener: () => void): unknown;
  removeListener?(event: string, listener: () => void): unknown;
}

/** A connection that is waited for; knex's wrappers of native pools cannot take the request back. */
export interface PendingConnection {
  promise: Promise<unknown>;
  abort?(): void;
}

/** The part of a knex instance that `knexCheck` uses. */
export interface KnexLike {
  raw(sql: string): PromiseLike<unknown>;
  readonly client?: unknown;
}

const busyRatio = 0.9;

/** @internal */
export type PoolState = ReturnType<typeof poolState>;

/** What a pool says of itself at this moment. @internal */
export function poolState(pool: PoolLike | undefined, recentWaits: number) {
  const inUse = pool?.numUsed?.();
  const free = pool?.numFree?.();
  const max = pool?.max;
  return {
    metadata: {
      ...(inUse === undefined ? {} : { open: inUse + (free ?? 0), inUse }),
      ...(max === undefined ? {} : { max }),
      ...(pool?.numPendingAcquires ? { waiting: pool.numPendingAcquires(), recentWaits } : {}),
    },
    recentWaits,
    isExhausted: inUse !== undefined && max !== undefined && inUse >= max,
    isBusy: inUse !== undefined && max !== undefined && max > 1 && inUse / max > busyRatio,
  };
}

/** @internal */
export function poolOf(knex: KnexLike): PoolLike | undefined {
  return (knex.client as { pool?: PoolLike } | undefined)?.pool;
}

/** The pool with its numbers: of tarn its own, of a `pg.Pool` given as `connectionPool` that one's. @internal */
export function withNumbers(pool: PoolLike | undefined, knex: KnexLike): PoolLike | undefined {
  const { config } = (knex.client ?? {}) as { config?: { connectionPool?: PgPoolLike } };
  const native = config?.connectionPool;
  if (!pool?.acquire || pool.numUsed || typeof native?.totalCount !== 'number') return pool;
  return {
    numUsed: () => native.totalCount - native.idleCount,
    numFree: () => native.idleCount,
    numPendingAcquires: () => native.waitingCount,
    ...(native.options?.max === undefined ? {} : { max: native.options.max }),
    acquire: () => pool.acquire!(),
    release: (connection) => pool.release?.(connection),
  };
}

interface PgPoolLike {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly options?: { readonly max?: number };
}
