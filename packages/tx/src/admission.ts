import { PoolDeadlockError, TransactionTimeoutError } from './errors.js';
import type { KnexClient } from './knex-port.js';

/**
 * Decides who may take a connection for the length of a scope. A flow that holds k - 1 connections already gets
 * its k-th only while more than `maxDepth - k` are free, so the last ones are left for those who can finish.
 */
export interface Admission {
  readonly held: number;
  /** Gives the function that returns the place. */
  enter(depth: number, maxDepth: number, aborted?: Promise<never>): Promise<() => void>;
}

interface Waiter {
  depth: number;
  reserve: number;
  admit(): void;
}

/** knex's default, when a pool does not say. */
const defaultPoolMax = 10;

/** @param most what the database can take where the pool could give more: SQLite has one writer */
export function createAdmission(client: KnexClient, most = Number.POSITIVE_INFINITY): Admission {
  let held = 0;
  let waiters: Waiter[] = [];

  const poolMax = () =>
    Math.min(most, client.pool?.max ?? nativePoolMax(client.config.connectionPool) ?? defaultPoolMax);
  const admits = (reserve: number) => poolMax() - held > reserve;

  function leave(): void {
    held -= 1;
    // The deepest first: it holds what the others wait for.
    for (const waiter of waiters.toSorted((a, b) => b.depth - a.depth)) {
      if (!admits(waiter.reserve)) return;
      waiters = waiters.filter((other) => other !== waiter);
      waiter.admit();
    }
  }

  function take(): () => void {
    held += 1;
    let left = false;
    return () => {
      if (!left) {
        left = true;
        leave();
      }
    };
  }

  return {
    get held() {
      return held;
    },
    async enter(depth, maxDepth, aborted) {
      const deepest = Math.min(maxDepth, poolMax());
      if (depth > deepest)
        throw new PoolDeadlockError(
          `A flow that holds ${depth - 1} connection(s) asks for one more, but ${
            poolMax() < depth ? `the pool has ${poolMax()}` : `maxDepth is ${maxDepth}`
          }; raise it or do not use REQUIRES_NEW here`,
        );
      const reserve = deepest - depth;
      if (waiters.length === 0 ? admits(reserve) : depth > 1 && admits(reserve)) return take();
      return waitInLine(depth, reserve, aborted);
    },
  };

  function waitInLine(depth: number, reserve: number, aborted?: Promise<never>): Promise<() => void> {
    const limitMs = client.pool?.acquireTimeoutMillis ?? 60_000;
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        depth,
        reserve,
        admit() {
          clearTimeout(timer);
          resolve(take());
        },
      };
      const giveUp = (error: unknown) => {
        clearTimeout(timer);
        waiters = waiters.filter((other) => other !== waiter);
        reject(error);
      };
      const timer = setTimeout(
        () =>
          giveUp(
            new TransactionTimeoutError(
              `No connection came free within ${limitMs} ms: ${held} of ${poolMax()} are held by transactions`,
            ),
          ),
        limitMs,
      );
      waiters.push(waiter);
      aborted?.catch(giveUp);
    });
  }
}

function nativePoolMax(pool: unknown): number | undefined {
  const { options, config } = (pool ?? {}) as {
    options?: { max?: number };
    config?: { connectionLimit?: number };
  };
  return options?.max ?? config?.connectionLimit;
}
