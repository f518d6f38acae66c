/** The part of tarn's pool that is read; a pool that lacks a part leaves out what it would have told. */
export interface PoolLike {
  numUsed?(): number;
  numFree?(): number;
  numPendingAcquires?(): number;
  readonly max?: number;
  acquire?(): { promise: Promise<unknown>; abort(): void };
  release?(connection: unknown): unknown;
  on?(event: string, listener: () => void): unknown;
  removeListener?(event: string, listener: () => void): unknown;
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
