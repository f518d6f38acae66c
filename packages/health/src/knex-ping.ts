import { failureMessage } from './failure-message.js';
import type { KnexLike, PendingConnection, PoolLike } from './knex-pool.js';

/** How a ping ended. `exhausted`: every connection is at work; `no-connection`: none could be made. @internal */
export type PingResult = 'alive' | 'exhausted' | 'no-connection' | { failure: string };

/** @internal */
export interface PingOptions {
  /** Milliseconds to wait for a connection. */
  patienceMs: number;
  isExhausted(): boolean;
  signal: AbortSignal;
}

/** Where a ping takes its connection from. @internal */
export interface ConnectionSource {
  pool: PoolLike;
  acquire(): PendingConnection;
  /** True while a request that could not be taken back still waits in the pool. */
  isWaiting: boolean;
}

/**
 * `select 1` on a connection taken from the pool with a patience of our own: knex would wait its
 * `acquireConnectionTimeout`, a minute by default, and call the wait a failure. @internal
 */
export async function pingKnex(
  knex: KnexLike,
  source: ConnectionSource | undefined,
  options: PingOptions,
): Promise<PingResult> {
  try {
    if (!source) {
      // Without a way to give up on waiting, asking an exhausted pool would mean to hang.
      if (options.isExhausted()) return 'exhausted';
      await knex.raw('select 1');
      return 'alive';
    }
    const acquired = source.isWaiting ? undefined : await acquireWithin(source, options);
    if (!acquired) return options.isExhausted() ? 'exhausted' : 'no-connection';
    try {
      await pingOn(knex, acquired.connection, options.signal);
    } finally {
      source.pool.release?.(acquired.connection);
    }
    return 'alive';
  } catch (error) {
    return { failure: failureMessage(error) };
  }
}

async function acquireWithin(
  source: ConnectionSource,
  { patienceMs, signal }: PingOptions,
): Promise<{ connection: unknown } | undefined> {
  const pending = source.acquire();
  const { promise: gaveUp, resolve: giveUp } = Promise.withResolvers<undefined>();
  const onGiveUp = () => giveUp(undefined);
  const timer = setTimeout(onGiveUp, patienceMs);
  timer.unref();
  signal.addEventListener('abort', onGiveUp, { once: true });
  try {
    const acquired = await Promise.race([pending.promise.then((connection) => ({ connection })), gaveUp]);
    if (!acquired) abandon(source, pending);
    return acquired;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onGiveUp);
  }
}

/** Takes the request back; where that is not possible, gives back what it brings and asks for no second one until then. */
function abandon(source: ConnectionSource, pending: PendingConnection): void {
  const giveBack = (connection: unknown) => void source.pool.release?.(connection);
  if (pending.abort) {
    pending.promise.then(giveBack).catch(() => {});
    pending.abort();
    return;
  }
  source.isWaiting = true;
  pending.promise
    .then(giveBack)
    .catch(() => {})
    .finally(() => {
      source.isWaiting = false;
    });
}

async function pingOn(knex: KnexLike, connection: unknown, signal: AbortSignal): Promise<void> {
  const query = knex.raw('select 1') as PromiseLike<unknown> & {
    connection?(connection: unknown): PromiseLike<unknown>;
  };
  const breakOff = () => destroySocket(connection);
  signal.addEventListener('abort', breakOff, { once: true });
  try {
    await (query.connection ? query.connection(connection) : query);
  } finally {
    signal.removeEventListener('abort', breakOff);
  }
}

/**
 * No driver can abort a query on a server that is silent. Cutting the socket ends it, and the pool
 * drops the connection by its own validation: pg keeps it under `connection.stream`, mysql2 under `stream`.
 */
function destroySocket(connection: unknown): void {
  type Holder = { stream?: { destroy?(): void } };
  const holder = connection as (Holder & { connection?: Holder; __knex__disposed?: unknown }) | undefined;
  const socket = holder?.stream ?? holder?.connection?.stream;
  if (!holder || !socket?.destroy) return;
  holder.__knex__disposed = new Error('the health check timed out on this connection');
  socket.destroy();
}
