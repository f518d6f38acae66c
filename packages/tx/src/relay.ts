import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { openSession } from './database-session.js';
import type { TransactionManager } from './manager.js';
import { checkObject } from './options.js';
import { publishOutboxBacklog, publishOutboxPublished } from './outbox-channels.js';
import { type ClaimedMessage, createRelayStore, type OutboxMessage, type Published } from './relay-store.js';
import { listenForNotes } from './relay-listen.js';
import { onWake } from './relay-wake.js';
import { createRounds } from './rounds.js';
import { callWithin, errorInfo } from './saga-call.js';
import { checkCount, checkMs } from './saga-options.js';

/** Options of `createOutboxRelay`. */
export interface OutboxRelayOptions {
  /** Hands a batch to the broker; a rejection means that none of it counts as published. Receivers may see a message twice. */
  publish: (batch: OutboxMessage[]) => Promise<void>;
  /** Messages handed over at once. @default 100 */
  batchSize?: number | undefined;
  /** How often the database is asked when nothing wakes the relay, in milliseconds. @default 1_000 */
  pollMs?: number | undefined;
  /** How long `publish` may take, and after how long another relay takes a silent one's messages, in milliseconds. @default 30_000 */
  leaseMs?: number | undefined;
  /** Deliveries that are tried before a message is `abandoned`; its row stays. @default 20 */
  maxAttempts?: number | undefined;
  /** Waits before a further delivery: between half of and the whole of `baseMs * 2^n`, at most `maxMs`. @default { baseMs: 500, maxMs: 300_000 } */
  backoff?: { baseMs?: number | undefined; maxMs?: number | undefined } | undefined;
  /** Told of publishes and polls that failed. @default nobody */
  onError?: ((error: unknown) => void) | undefined;
}

/** Publishes what the outbox holds; run as many as you like. */
export interface OutboxRelay {
  /** Claims nothing any more and finishes the batch at hand. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Makes a relay; it looks at once, after every commit with a message in this process, on PostgreSQL after such a
 * commit anywhere, and every `pollMs`.
 *
 * @throws TypeError, RangeError on wrong options, by name.
 * @example
 * declare const tm: TransactionManager;
 * const relay = createOutboxRelay(tm, {
 *   publish: async (batch) => { for (const { topic, payload } of batch) console.log(topic, payload); },
 * });
 * await relay.close();
 */
export function createOutboxRelay(tm: TransactionManager, options: OutboxRelayOptions): OutboxRelay {
  const settings = checkOptions(options);
  const session = openSession(tm);
  const store = createRelayStore(session, settings.leaseMs);
  let closed = false;

  const rounds = createRounds(settings.pollMs, async () => {
    try {
      await publishOutboxBacklog(async () => ({ name: tm.name, ...(await store.backlog()) }));
      // A plain look first, so that an idle relay locks nothing.
      if (closed || (await store.isIdle())) return false;
      let published: Published | undefined;
      for (;;) {
        const token = randomUUID();
        const claimed = await store.claim(token, settings.batchSize, published);
        published = await deliver(token, await withoutDamaged(token, claimed));
        // Behind a full batch there is surely more, and its claim deletes this one.
        if (!closed && claimed.length >= settings.batchSize) continue;
        if (published) await store.delete(published);
        return false;
      }
    } catch (error) {
      settings.onError(error);
      return false;
    }
  });
  const wake = () => rounds.wakeIn(0);
  const forget = onWake(tm, wake);
  const deafen = session.engine === 'postgres' ? listenForNotes(tm, wake, settings.onError) : async () => {};

  const close = async () => {
    closed = true;
    forget();
    await Promise.all([deafen(), rounds.close()]);
  };
  return { close, [Symbol.asyncDispose]: close };

  /** What can never be published is abandoned at once. */
  async function withoutDamaged(token: string, claimed: readonly ClaimedMessage[]) {
    for (const { row, damage } of claimed) {
      if (damage === undefined) continue;
      const error = `it cannot be read: ${damage}`;
      settings.onError(
        new SyntaxError(`Message ${row} of the outbox of "${tm.name}" is abandoned: ${error}`),
      );
      await store.release(token, [row], { error });
    }
    return claimed.filter(({ damage }) => damage === undefined);
  }

  /**
   * New messages together; those that failed before one by one, so that a bad one cannot hold up the others.
   *
   * @returns what still has to be deleted.
   */
  async function deliver(token: string, claimed: readonly ClaimedMessage[]): Promise<Published | undefined> {
    const suspects = new Set(claimed.filter(isRepeated).map(orderOf));
    const together = claimed.filter((one) => !suspects.has(orderOf(one)));
    const alone = claimed.filter((one) => suspects.has(orderOf(one)));
    const published =
      together.length > 0 && (await attempt(token, together)) === 'published'
        ? { token, rows: together.map(rowOf) }
        : undefined;
    if (alone.length === 0) return published;
    if (published) await store.delete(published);
    const blocked = new Set<unknown>();
    let failures = 0;
    for (const [n, one] of alone.entries()) {
      // Its predecessor waits; or three in a row failed, and it is the broker that is down, not the message.
      if (blocked.has(orderOf(one)) || failures >= 3) {
        await store.release(token, [one.row], {
          delayMs: failures >= 3 ? settings.backoff.baseMs : 0,
          tried: false,
        });
        continue;
      }
      if (one.message.attempt > settings.maxAttempts) {
        // It was claimed that often and never came back: publishing it ends its relay.
        await store.release(token, [one.row], {
          error: 'every relay that took it ended before it could answer',
        });
        continue;
      }
      await store.renew(token, alone.slice(n).map(rowOf));
      const outcome = await attempt(token, [one]);
      if (outcome === 'published') await store.delete({ token, rows: [one.row] });
      failures = outcome === 'published' ? 0 : failures + 1;
      if (outcome === 'waiting') blocked.add(orderOf(one));
    }
    return undefined;
  }

  async function attempt(
    token: string,
    batch: readonly ClaimedMessage[],
  ): Promise<'published' | 'waiting' | 'abandoned'> {
    const rows = batch.map(rowOf);
    const startedAt = performance.now();
    try {
      const messages = batch.map(({ message }) => message);
      await callWithin(settings.leaseMs, undefined, () => settings.publish(messages));
    } catch (error) {
      settings.onError(error);
      const tries = batch[0]!.message.attempt;
      const abandoned = tries >= settings.maxAttempts;
      const delayMs = abandoned ? undefined : waitAfter(tries);
      await store.release(token, rows, {
        ...(delayMs !== undefined && { delayMs }),
        error: errorInfo(error).message,
      });
      // Not before: a round that comes earlier than the row is due would leave it to the poll.
      rounds.wakeIn(delayMs ?? 0);
      return abandoned ? 'abandoned' : 'waiting';
    }
    const durationMs = performance.now() - startedAt;
    for (const [topic, of] of Map.groupBy(batch, ({ message }) => message.topic)) {
      publishOutboxPublished(() => ({ name: tm.name, topic, count: of.length, durationMs }));
    }
    return 'published';
  }

  function waitAfter(tries: number): number {
    const { baseMs, maxMs } = settings.backoff;
    return Math.ceil(Math.min(maxMs, baseMs * 2 ** Math.min(tries - 1, 30)) * (0.5 + Math.random() / 2));
  }
}

const rowOf = ({ row }: ClaimedMessage) => row;

const isRepeated = ({ message }: ClaimedMessage) => message.attempt > 1;

/** What stands in one order: a key, or a message for itself. */
const orderOf = ({ row, message }: ClaimedMessage): unknown => message.key ?? row;

function checkOptions(options: OutboxRelayOptions) {
  checkObject(options);
  if (options.backoff !== undefined) checkObject(options.backoff, 'backoff');
  const { publish, batchSize = 100, pollMs = 1_000, leaseMs = 30_000, maxAttempts = 20, onError } = options;
  const { baseMs = 500, maxMs = 300_000 } = options.backoff ?? {};
  if (typeof publish !== 'function') throw new TypeError(`publish must be a function, got ${typeof publish}`);
  if (onError !== undefined && typeof onError !== 'function') {
    throw new TypeError(`onError must be a function, got ${typeof onError}`);
  }
  checkCount('batchSize', batchSize);
  checkCount('maxAttempts', maxAttempts);
  checkMs('pollMs', pollMs, 1);
  checkMs('leaseMs', leaseMs, 30);
  checkMs('backoff.baseMs', baseMs, 1);
  checkMs('backoff.maxMs', maxMs, baseMs);
  const report = (error: unknown) => {
    try {
      onError?.(error);
    } catch {
      // A listener never decides what becomes of a message.
    }
  };
  return { publish, batchSize, pollMs, leaseMs, maxAttempts, backoff: { baseMs, maxMs }, onError: report };
}
