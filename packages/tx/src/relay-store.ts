import type { DatabaseSession } from './database-session.js';
import { fromJsonText } from './json-value.js';

/** A message on its way out. */
export interface OutboxMessage {
  /** The message id: the same at every delivery. */
  readonly id: string;
  readonly topic: string;
  readonly key?: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever was added
  readonly payload: any;
  /** The trace of whoever added it. */
  readonly headers: Readonly<Record<string, string>>;
  /** 1 for the first delivery. */
  readonly attempt: number;
}

/** @internal */
export interface ClaimedMessage {
  readonly row: number;
  readonly message: OutboxMessage;
  /** Why its payload or headers are no JSON; such a message cannot be published. */
  readonly damage?: string;
}

/** @internal */
export type RelayStore = ReturnType<typeof createRelayStore>;

/**
 * The relay's SQL. A claim marks rows with a token of its own; every later write names it, so a relay that
 * lost its claim changes nothing.
 *
 * @internal
 */
export function createRelayStore(session: DatabaseSession, leaseMs: number) {
  const { now } = session;
  const after = (ms: number) => session.raw(`${now} + ${Math.ceil(ms)}`);
  const outbox = () => session.db()('kit_outbox');

  return {
    async isIdle(): Promise<boolean> {
      const found = await outbox()
        .where({ status: 'pending' })
        .where('due_at', '<=', session.raw(now))
        .first('id');
      return found === undefined;
    },

    /**
     * Claims by what is due, never by `id > last`: ids of late commits lie below. Of a key only the first pending
     * message can be claimed, and whoever has it takes its successors along, so no two relays hold one key.
     */
    async claim(token: string, limit: number): Promise<ClaimedMessage[]> {
      if (session.engine === 'postgres') return claimAtOnce(token, limit);
      return session.write(async () => {
        const heads = (await lock(
          outbox()
            .where({ status: 'pending' })
            .where('due_at', '<=', session.raw(now))
            .where((free) =>
              free
                .whereNull('msg_key')
                .orWhereNotExists(
                  session
                    .db()('kit_outbox as earlier')
                    .whereRaw('earlier.msg_key = kit_outbox.msg_key and earlier.id < kit_outbox.id')
                    .where('earlier.status', 'pending')
                    .select(session.raw('1')),
                ),
            )
            .orderBy('id')
            .limit(limit),
        ).select('*')) as Raw[];
        const keys = heads.map((row) => row.msg_key).filter((key) => key !== null);
        const room = limit - heads.length;
        const heirs =
          keys.length > 0 && room > 0
            ? ((await outbox()
                .where({ status: 'pending' })
                .whereIn('msg_key', keys as string[])
                .whereNotIn('id', heads.map((row) => row.id) as number[])
                .orderBy('id')
                .limit(room)
                .select('*')) as Raw[])
            : [];
        const rows = [...heads, ...heirs].toSorted((a, b) => Number(a.id) - Number(b.id));
        if (rows.length > 0) {
          await outbox()
            .whereIn('id', rows.map((row) => row.id) as number[])
            .update({ owner: token, due_at: after(leaseMs), attempts: session.raw('attempts + 1') });
        }
        return rows.map(toClaimed);
      }, 'transaction');
    },

    renew: (token: string) =>
      session.write(() =>
        outbox()
          .where({ owner: token })
          .update({ due_at: after(leaseMs) }),
      ),

    async delete(token: string, rows: readonly number[]): Promise<void> {
      await session.write(() => outbox().where({ owner: token }).whereIn('id', rows).delete());
    },

    /** Gives messages back: to be tried again after `delayMs`, or abandoned when that is `undefined`. */
    async release(
      token: string,
      rows: readonly number[],
      change: { delayMs?: number; error?: string; tried?: boolean },
    ): Promise<void> {
      const { delayMs, error, tried = true } = change;
      await session.write(() =>
        outbox()
          .where({ owner: token })
          .whereIn('id', rows)
          .update({
            owner: null,
            status: delayMs === undefined ? 'abandoned' : 'pending',
            due_at: after(delayMs ?? 0),
            // PostgreSQL's text holds everything but NUL.
            ...(error !== undefined && { error: error.replaceAll('\0', '').slice(0, 2_000) }),
            ...(!tried && { attempts: session.raw('attempts - 1') }),
          }),
      );
    },

    async backlog(): Promise<{ size: number; oldestMs: number }> {
      const [row]: Raw[] = await outbox()
        .where({ status: 'pending' })
        .count({ size: '*' })
        .select(session.raw(`${now} - min(created_at) as oldest_ms`));
      return { size: Number(row?.size), oldestMs: Math.max(0, Number(row?.oldest_ms ?? 0)) };
    },
  };

  /** PostgreSQL does the same in one statement: one round trip instead of five. */
  async function claimAtOnce(token: string, limit: number): Promise<ClaimedMessage[]> {
    const { rows }: { rows: Raw[] } = await session.raw(
      `WITH heads AS MATERIALIZED (
         SELECT id, msg_key FROM kit_outbox o
         WHERE status = 'pending' AND due_at <= ${now} AND (msg_key IS NULL OR NOT EXISTS (
           SELECT 1 FROM kit_outbox earlier
           WHERE earlier.msg_key = o.msg_key AND earlier.id < o.id AND earlier.status = 'pending'))
         ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED),
       heirs AS (
         SELECT id FROM kit_outbox
         WHERE status = 'pending' AND msg_key IN (SELECT msg_key FROM heads) AND id NOT IN (SELECT id FROM heads)
         ORDER BY id LIMIT ? - (SELECT count(*) FROM heads)),
       claimed AS (
         UPDATE kit_outbox SET owner = ?, due_at = ${now} + ?, attempts = attempts + 1
         WHERE id IN (SELECT id FROM heads UNION ALL SELECT id FROM heirs) RETURNING *)
       SELECT *, attempts - 1 AS attempts FROM claimed ORDER BY id`,
      [limit, limit, token, Math.ceil(leaseMs)],
    );
    return rows.map(toClaimed);
  }

  function lock(query: ReturnType<typeof outbox>) {
    // SQLite has one writer: this transaction is it.
    return session.engine === 'sqlite' ? query : query.forUpdate().skipLocked();
  }
}

type Raw = Record<string, unknown>;

function toClaimed(row: Raw): ClaimedMessage {
  try {
    return readClaimed(row);
  } catch (error) {
    // One damaged row must not hold up the others.
    return { ...readClaimed({ ...row, payload: null, headers: null }), damage: (error as Error).message };
  }
}

function readClaimed(row: Raw): ClaimedMessage {
  return {
    row: Number(row.id),
    message: {
      id: String(row.message_id),
      topic: String(row.topic),
      ...(row.msg_key !== null && { key: row.msg_key as string }),
      payload: fromJsonText(row.payload),
      headers: (fromJsonText(row.headers) ?? {}) as Record<string, string>,
      attempt: Number(row.attempts) + 1,
    },
  };
}
