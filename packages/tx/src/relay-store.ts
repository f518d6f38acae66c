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
  const outbox = () => session.db('kit_outbox');

  const store = {
    async isIdle(): Promise<boolean> {
      const found = await outbox()
        .where({ status: 'pending' })
        .where('due_at', '<=', session.raw(`(select ${now})`))
        .first('id');
      return found === undefined;
    },

    /**
     * Claims by what is due, never by `id > last`: ids of late commits lie below. Of a key only the first pending
     * message can be claimed, and whoever has it takes its successors along, up to one that somebody else has.
     *
     * @param gone Published messages, deleted with the claim: half the round trips and commits of a busy relay.
     */
    async claim(token: string, limit: number, gone?: Published): Promise<ClaimedMessage[]> {
      const planned =
        session.engine === 'postgres'
          ? await planAtOnce(token, limit, gone)
          : await session.write(() => plan(token, limit, gone), 'transaction');
      const { taken, surplus } = unbroken(planned);
      if (surplus.length > 0) await store.release(token, surplus, { delayMs: 0, tried: false });
      return taken.map(toClaimed);
    },

    renew: (token: string, rows: readonly number[]) =>
      session.write(() => held(token, rows).update({ due_at: after(leaseMs) })),

    async delete({ token, rows }: Published): Promise<void> {
      await session.write(() => held(token, rows).delete());
    },

    /** Gives messages back: to be tried again after `delayMs`, or abandoned when that is `undefined`. */
    async release(
      token: string,
      rows: readonly number[],
      change: { delayMs?: number; error?: string; tried?: boolean },
    ): Promise<void> {
      const { delayMs, error, tried = true } = change;
      await session.write(() =>
        held(token, rows).update({
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
  return store;

  /** Messages that still carry this claim's token. */
  function held(token: string, rows: readonly number[]) {
    const ours = outbox().where({ owner: token });
    // One binding however many rows: the statement's text stays the same.
    return session.engine === 'postgres'
      ? ours.whereRaw('id = ANY(?)', [[...rows]])
      : ours.whereIn('id', rows);
  }

  async function plan(token: string, limit: number, gone: Published | undefined): Promise<Planned[]> {
    if (gone) await held(gone.token, gone.rows).delete();
    const heads = (await (session.engine === 'sqlite'
      ? due(limit)
      : due(limit).forUpdate().skipLocked())) as Raw[];
    const keys = heads.map((row) => row.msg_key).filter((key) => key !== null);
    const room = limit - heads.length;
    const heirs = keys.length > 0 && room > 0 ? await successors(heads, keys as string[], room) : [];
    const planned = [
      ...heads.map((row) => ({ row, key: row.msg_key, isFree: true })),
      ...heirs.map((row) => ({ row, key: row.msg_key, isFree: Number(row.is_free) === 1 })),
    ].toSorted((a, b) => Number(a.row.id) - Number(b.row.id));
    const free = planned.filter(({ isFree }) => isFree).map(({ row }) => row.id as number);
    const taken = await take(token, free);
    return planned.map(({ row, key }) => ({ key, row: taken.has(row.id) ? row : undefined }));
  }

  /** Those that nobody else took since they were read. */
  async function take(token: string, ids: readonly number[]): Promise<Set<unknown>> {
    if (ids.length === 0) return new Set();
    const changed = await outbox()
      .whereIn('id', ids)
      .where((free) => free.whereNull('owner').orWhere('due_at', '<=', session.raw(`(select ${now})`)))
      .update({ owner: token, due_at: after(leaseMs), attempts: session.raw('attempts + 1') });
    if (changed === ids.length) return new Set(ids);
    return new Set(await outbox().where({ owner: token }).whereIn('id', ids).pluck('id'));
  }

  function due(limit: number) {
    return outbox()
      .where({ status: 'pending' })
      .where('due_at', '<=', session.raw(`(select ${now})`))
      .where((free) =>
        free
          .whereNull('msg_key')
          .orWhereNotExists(
            session
              .db('kit_outbox as earlier')
              .whereRaw('earlier.msg_key = kit_outbox.msg_key and earlier.id < kit_outbox.id')
              .where('earlier.status', 'pending')
              .select(session.raw('1')),
          ),
      )
      .orderBy('id')
      .limit(limit)
      .select('*');
  }

  /** No locking read: on MySQL it would wait for transactions that have added a message of the key and go on. */
  async function successors(heads: readonly Raw[], keys: readonly string[], room: number): Promise<Raw[]> {
    const found: Raw[] = await outbox()
      .where({ status: 'pending' })
      .whereIn('msg_key', keys)
      .whereNotIn('id', heads.map((row) => row.id) as number[])
      .orderBy('id')
      .limit(room)
      .select(
        '*',
        session.raw(`case when owner is null or due_at <= (SELECT ${now}) then 1 else 0 end as is_free`),
      );
    return found;
  }

  /** PostgreSQL does the same in one statement: one round trip instead of six. */
  async function planAtOnce(token: string, limit: number, gone: Published | undefined): Promise<Planned[]> {
    const goneRows = [...(gone?.rows ?? [])];
    const { rows }: { rows: Raw[] } = await session.raw(
      `WITH gone AS (DELETE FROM kit_outbox WHERE owner = ? AND id = ANY(?::bigint[])),
       heads AS MATERIALIZED (
         SELECT id, msg_key FROM kit_outbox o
         WHERE status = 'pending' AND due_at <= (SELECT ${now}) AND id <> ALL(?::bigint[]) AND (msg_key IS NULL OR NOT EXISTS (
           SELECT 1 FROM kit_outbox earlier
           WHERE earlier.msg_key = o.msg_key AND earlier.id < o.id AND earlier.status = 'pending'
             AND earlier.id <> ALL(?::bigint[])))
         ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED),
       heirs AS MATERIALIZED (
         SELECT heir.id, heir.msg_key FROM heads CROSS JOIN LATERAL (
           SELECT id, msg_key FROM kit_outbox
           WHERE msg_key = heads.msg_key AND status = 'pending' AND id > heads.id AND id <> ALL(?::bigint[])
           ORDER BY id LIMIT ?) heir
         ORDER BY heir.id LIMIT ? - (SELECT count(*) FROM heads)),
       planned AS (SELECT id, msg_key FROM heads UNION ALL SELECT id, msg_key FROM heirs),
       claimed AS (
         UPDATE kit_outbox SET owner = ?, due_at = ${now} + ?, attempts = attempts + 1
         WHERE id = ANY(ARRAY(SELECT id FROM planned)) AND (owner IS NULL OR due_at <= (SELECT ${now}))
         RETURNING id, message_id, topic, msg_key, payload, headers, attempts - 1 AS attempts)
       SELECT claimed.*, planned.msg_key AS planned_key FROM planned LEFT JOIN claimed USING (id) ORDER BY planned.id`,
      [
        gone?.token ?? '',
        goneRows,
        goneRows,
        goneRows,
        limit,
        goneRows,
        limit,
        limit,
        token,
        Math.ceil(leaseMs),
      ],
    );
    return rows.map((row) => ({ key: row.planned_key, row: row.id === null ? undefined : row }));
  }
}

/** Each key up to the first message that another relay has got: what follows it must not overtake it. */
function unbroken(planned: readonly Planned[]): { taken: Raw[]; surplus: number[] } {
  const broken = new Set<unknown>();
  const taken: Raw[] = [];
  const surplus: number[] = [];
  for (const { key, row } of planned) {
    if (row === undefined) broken.add(key);
    else if (key !== null && broken.has(key)) surplus.push(Number(row.id));
    else taken.push(row);
  }
  return { taken, surplus };
}

/** Messages of one claim that a broker has. */
export interface Published {
  readonly token: string;
  readonly rows: readonly number[];
}

/** A message that this claim was after; without `row` somebody else has it. */
interface Planned {
  readonly key: unknown;
  readonly row: Raw | undefined;
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
