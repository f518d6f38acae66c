import { failureMessage } from './failure-message.js';
import type { KnexLike, PoolLike } from './knex-pool.js';

/** How a ping ended. `exhausted`: every connection is at work; `no-connection`: none could be made. @internal */
export type PingResult = 'alive' | 'exhausted' | 'no-connection' | { failure: string };

/** @internal */
export interface PingOptions {
  acquireTimeoutMs: number;
  isExhausted(): boolean;
  signal: AbortSignal;
}

/**
 * `select 1` on a connection taken from the pool with a patience of our own: knex would wait its
 * `acquireConnectionTimeout`, a minute by default, and call the wait a failure. @internal
 */
export async function pingKnex(
  knex: KnexLike,
  source: { pool: PoolLike; acquire(): { promise: Promise<unknown>; abort(): void } } | undefined,
  options: PingOptions,
): Promise<PingResult> {
  try {
    if (!source) {
      // Without a way to give up on waiting, asking an exhausted pool would mean to hang.
      if (options.isExhausted()) return 'exhausted';
      await knex.raw('select 1');
      return 'alive';
    }
    const acquired = await acquireWithin(source.acquire(), options);
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
  pending: { promise: Promise<unknown>; abort(): void },
  { acquireTimeoutMs, signal }: PingOptions,
): Promise<{ connection: unknown } | undefined> {
  let gaveUp = false;
  const giveUp = () => {
    gaveUp = true;
    pending.abort();
  };
  const timer = setTimeout(giveUp, acquireTimeoutMs);
  timer.unref();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return { connection: await pending.promise };
  } catch (error) {
    if (gaveUp) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
  }
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
