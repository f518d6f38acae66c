import { randomUUID } from 'node:crypto';
import { checkText } from './check-text.js';
import { openSession } from './database-session.js';
import { IdempotencyInProgressError, IdempotencyMismatchError, LeaseLostError } from './errors.js';
import { fromJsonText, hashOf, toJsonText } from './json-value.js';
import type { TransactionManager } from './manager.js';
import { checkFunction, checkObject } from './options.js';
import { checkMs } from './saga-options.js';

/** Options of `createIdempotency`. */
export interface IdempotencyOptions {
  /** After how long a request whose process is gone may be repeated, in milliseconds. @default 30_000 */
  leaseMs?: number | undefined;
  /** How long a response is kept, in milliseconds. @default 86_400_000 (a day) */
  ttlMs?: number | undefined;
}

/** Answers a repeated request with the first one's response. */
export interface Idempotency {
  /**
   * Calls `fn` for the first request of a key; repetitions with the same body get its response. When `fn` throws, nothing
   * is kept and the key is free again. Inside a transaction the key commits or rolls back with it.
   *
   * @throws IdempotencyMismatchError (`KIT_TX_IDEMPOTENCY_MISMATCH`, 422) for another body under the same key.
   * @throws IdempotencyInProgressError (`KIT_TX_IDEMPOTENCY_IN_PROGRESS`, 409) while the first request runs.
   */
  run<R>(request: IdempotentRequest, fn: () => Promise<R>): Promise<{ replayed: boolean; response: R }>;
  /** The two halves of `run`, for a response that is not what a function returns. */
  claim(request: IdempotentRequest): Promise<IdempotencyClaim>;
  /** Deletes responses beyond their time, as `run` does now and then by itself; how many. */
  purge(): Promise<number>;
}

export interface IdempotentRequest {
  /** 1 to 255 characters; include the tenant where keys of different callers must not meet. */
  key: string;
  /** Whatever makes two requests the same one; the order of an object's keys does not matter. */
  body: unknown;
}

/** A key that was answered before, or that is ours to answer. */
export type IdempotencyClaim =
  | { readonly replayed: true; readonly response: unknown }
  | {
      readonly replayed: false;
      /** Keeps the response. @throws LeaseLostError (`KIT_TX_LEASE_LOST`) when another process has taken the key over. */
      complete(response: unknown): Promise<void>;
      /** Frees the key: the request may be tried again. */
      release(): Promise<void>;
      /** Stops renewing: if `complete` does not come within the lease, the request may be tried again. */
      letGo(): void;
    };

/**
 * Makes idempotency keys that live in the service's own database.
 *
 * @throws RangeError on wrong options, by name.
 * @example
 * declare const tm: TransactionManager;
 * const idempotency = createIdempotency(tm);
 * const { replayed, response } = await idempotency.run({ key: 'k-1', body: { amount: 100 } }, async () => ({ id: 7 }));
 */
export function createIdempotency(tm: TransactionManager, options: IdempotencyOptions = {}): Idempotency {
  checkObject(options);
  const { leaseMs = 30_000, ttlMs = 86_400_000 } = options;
  checkMs('leaseMs', leaseMs, 30);
  checkMs('ttlMs', ttlMs, 1);
  const session = openSession(tm);
  const keys = () => session.db('kit_idempotency');
  const after = (ms: number) => session.raw(`${session.now} + ${Math.ceil(ms)}`);
  let completed = 0;

  const idempotency: Idempotency = {
    async run<R>(request: IdempotentRequest, fn: () => Promise<R>) {
      checkFunction(fn);
      const claim = await idempotency.claim(request);
      if (claim.replayed) return { replayed: true, response: claim.response as R };
      let response: R;
      try {
        response = await fn();
        // Looked at before it is written: an answer that cannot be kept is a failure of fn.
        toJsonText(response, 'the response');
      } catch (error) {
        // In a transaction that failed there is nothing to free: the key goes with it.
        await claim.release().catch(() => {});
        throw error;
      }
      await claim.complete(response);
      return { replayed: false, response };
    },

    async claim(request) {
      checkObject(request, 'request');
      const { key, body } = request;
      checkText('key', key, 255);
      const hash = hashOf(body, 'body');
      const token = randomUUID();
      const stored = await take(key, hash, token);
      if (stored) return { replayed: true, response: stored.response };
      const mine = () => keys().where({ id: key, token });
      // Beside a transaction there is no one to renew for: nobody else sees the key before it has ended.
      const heartbeat = tm.isActive()
        ? undefined
        : setInterval(() => {
            session
              .write(() =>
                mine()
                  .where({ status: 'in_progress' })
                  .update({ due_at: after(leaseMs) }),
              )
              .catch(() => {});
          }, leaseMs / 3).unref();
      return {
        replayed: false,
        async complete(response) {
          clearInterval(heartbeat);
          const text = toJsonText(response, 'the response');
          const kept = await session.write(() =>
            mine().update({ status: 'done', response: text, due_at: after(ttlMs) }),
          );
          if (kept === 0) {
            throw new LeaseLostError(
              `Idempotency key "${key}" was taken over by another process; its response counts`,
            );
          }
          // The first one too: a process that is replaced before its 500th must not leave the table growing.
          if (completed % 500 === 0 && !tm.isActive()) idempotency.purge().catch(() => {});
          completed += 1;
        },
        letGo: () => clearInterval(heartbeat),
        async release() {
          clearInterval(heartbeat);
          await session.write(() => mine().where({ status: 'in_progress' }).delete());
        },
      };
    },

    async purge() {
      return session.write(() => keys().where('due_at', '<=', session.raw(session.now)).delete());
    },
  };
  return idempotency;

  /** The stored response, or nothing when the key is ours now. */
  async function take(key: string, hash: string, token: string): Promise<{ response: unknown } | undefined> {
    const fresh = { body_hash: hash, status: 'in_progress', token, due_at: after(leaseMs), response: null };
    for (let round = 1; ; round += 1) {
      await session.write(() =>
        keys()
          .insert({ id: key, ...fresh, created_at: session.raw(session.now) })
          .onConflict('id')
          .ignore(),
      );
      const row = await find(key);
      if (row?.token === token) return undefined;
      // Freed in between: once more from the start.
      if (!row) continue;
      const over = Number(row.due_in_ms) <= 0;
      const answered = row.status === 'done';
      if (row.body_hash !== hash && !(answered && over)) {
        throw new IdempotencyMismatchError(
          `Idempotency key "${key}" was used with another body; use a new key`,
        );
      }
      if (answered && !over) return { response: fromJsonText(row.response) };
      if (!over) throw inProgress(key, Number(row.due_in_ms));
      const taken = await session.write(() =>
        keys()
          .where({ id: key, token: row.token })
          .where('due_at', '<=', session.raw(session.now))
          .update(fresh),
      );
      if (taken > 0) return undefined;
      if (round >= 5) throw inProgress(key, leaseMs);
    }
  }

  async function find(key: string): Promise<Record<string, unknown> | undefined> {
    const query = keys()
      .where({ id: key })
      .select('body_hash', 'status', 'token', 'response', session.raw(`due_at - ${session.now} as due_in_ms`))
      .first();
    // A locking read: MySQL's snapshot of a transaction that is older than the row would not show it.
    const locking = session.engine !== 'sqlite' && tm.isActive();
    return (await (locking ? query.forUpdate() : query)) as Record<string, unknown> | undefined;
  }
}

function inProgress(key: string, retryAfterMs: number): IdempotencyInProgressError {
  return new IdempotencyInProgressError(
    `A request with idempotency key "${key}" is being handled; ask again later (at the latest in ${Math.ceil(retryAfterMs)} ms)`,
  );
}
