import type { Knex } from 'knex';
import { performance } from 'node:perf_hooks';
import { isStorable } from './check-text.js';
import type { DatabaseSession } from './database-session.js';
import { fromJsonText } from './json-value.js';
import type { SagaDefinition } from './saga-definition.js';
import type { SagaErrorInfo, SagaStatus, StepRecord } from './saga-plan.js';
import { type RawRow, type SagaRow, toSaga } from './saga-rows.js';
import {
  changedOf,
  onSameStep,
  stepColumns,
  stepValues,
  typedStepValues,
  valuesOf,
} from './saga-step-sql.js';

export type { SagaRow };

export interface NewSaga {
  id: string;
  name: string;
  version: number;
  input: string | null;
  inputHash: string;
  dedupeKey: string | undefined;
  dedupeHash: string | null;
  trace: string | null;
}

/** What one fenced write changes; what is absent stays. */
export interface SagaChange {
  status?: SagaStatus;
  nextStep?: number;
  error?: SagaErrorInfo | null;
  retries?: number;
  resolution?: string;
  /** When anybody may claim it; `null` when it is settled. Absent: the lease, anew. */
  dueInMs?: number | null;
}

/** @internal */
export type SagaStore = ReturnType<typeof createSagaStore>;

/**
 * The SQL of the saga's two tables. Every write is fenced: `false` means that somebody else has the saga now.
 *
 * @internal
 */
export function createSagaStore(session: DatabaseSession, owner: string, leaseMs: number) {
  const { now } = session;
  const afterSql = (ms: number) => `${now} + ${Math.ceil(ms)}`;
  const after = (ms: number) => session.raw(afterSql(ms));
  const sagas = () => session.db('kit_saga');
  const columns = [
    'id', 'name', 'version', 'status', 'next_step', 'fence', 'owner', 'retries', 'input', 'input_hash', 'error', 'trace',
  ]; // prettier-ignore

  const store = {
    /** Inserts with the lease already taken; the id of the saga that has the dedupe key, ours or an earlier one. */
    async insert(saga: NewSaga): Promise<string> {
      const row = {
        id: saga.id,
        name: saga.name,
        version: saga.version,
        status: 'running',
        next_step: 0,
        fence: 1,
        due_at: after(leaseMs),
        owner,
        input: saga.input,
        input_hash: saga.inputHash,
        dedupe_key: saga.dedupeKey ?? null,
        dedupe_hash: saga.dedupeHash,
        trace: saga.trace,
        created_at: session.raw(now),
        updated_at: session.raw(now),
      };
      const inserted = await session.write<unknown[]>(() => {
        const insert = sagas().insert(row);
        if (saga.dedupeHash === null) return insert;
        const ignoring = insert.onConflict('dedupe_hash').ignore();
        return session.engine === 'mysql' ? ignoring : ignoring.returning('id');
      });
      const isOurs = saga.dedupeHash === null || (session.engine !== 'mysql' && inserted.length > 0);
      if (isOurs) return saga.id;
      const found = await sagas().where('dedupe_hash', saga.dedupeHash).first('id');
      return (found as { id: string }).id;
    },

    /**
     * What `insert` has just written. Not read back: after a pause longer than the lease that would be the saga of
     * whoever has claimed it, with his fence.
     */
    inserted(saga: NewSaga): SagaRow {
      const { id, name, version, inputHash } = saga;
      return {
        id, name, version, inputHash, owner,
        status: 'running', nextStep: 0, steps: [], fence: 1, retries: 0, error: undefined,
        input: fromJsonText(saga.input),
        trace: fromJsonText(saga.trace),
        dueInMs: leaseMs, ageMs: 0, readAt: performance.now(), unreadable: false,
      }; // prettier-ignore
    },

    async find(id: string): Promise<SagaRow | undefined> {
      // An operator's, or a caller's: what no row can be called is no reason for an error of the database.
      if (!isStorable(id)) return undefined;
      return (await load((query) => query.where('id', id), 1))[0];
    },

    /** The newest first. */
    list(status: SagaStatus | undefined, limit: number): Promise<SagaRow[]> {
      return load((query) => (status === undefined ? query : query.where('status', status)), limit);
    },

    async countUnsettled(): Promise<number> {
      const [row] = await sagas()
        .whereIn('status', [...openStatuses, 'stuck'])
        .count({ size: '*' });
      return Number((row as { size: unknown }).size);
    },

    /** Ids that anybody may claim; reads only, so an idle poll locks nothing. */
    async findDue(definitions: readonly SagaDefinition[], limit: number): Promise<string[]> {
      const rows: { id: string }[] = await due(sagas(), definitions)
        .orderBy('due_at')
        .limit(limit)
        .select('id');
      return rows.map(({ id }) => id);
    },

    /** Takes the leases of some of these sagas; another instance that is quicker gets them. */
    async claim(definitions: readonly SagaDefinition[], ids: readonly string[]): Promise<SagaRow[]> {
      const claim = { fence: session.raw('fence + 1'), owner, due_at: after(leaseMs) };
      const claimed = await session.write(async () => {
        if (session.engine === 'sqlite') {
          const taken: { id: string }[] = await due(sagas().whereIn('id', ids), definitions)
            .update(claim)
            .returning('id');
          return taken;
        }
        const free: { id: string }[] = await due(sagas().whereIn('id', ids), definitions)
          .forUpdate()
          .skipLocked()
          .select('id');
        if (free.length > 0) await sagas().whereIn('id', free.map(idOf)).update(claim);
        return free;
      }, 'transaction');
      if (claimed.length === 0) return [];
      // With the owner: a lease that ended in this very moment is somebody else's.
      return load((query) => query.whereIn('id', claimed.map(idOf)).where({ owner }), claimed.length);
    },

    /** A fenced change of the saga and its steps, in the transaction of the caller. */
    async advanceInside(saga: SagaRow, change: SagaChange, steps: readonly StepRecord[]): Promise<boolean> {
      if (steps.length > 0 && session.engine === 'postgres') return advanceAtOnce(saga, change, steps);
      const { sql, bindings } = fencedUpdate(saga, change);
      const changed = changedOf(session.engine, await session.raw(sql, bindings));
      if (changed > 0 && steps.length > 0) await putSteps(saga.id, steps);
      return changed > 0;
    },

    advance(saga: SagaRow, change: SagaChange, steps: readonly StepRecord[]): Promise<boolean> {
      const statements = steps.length > 0 && session.engine !== 'postgres' ? 'transaction' : 'statement';
      return session.write(() => store.advanceInside(saga, change, steps), statements);
    },

    /** An operator's change: fences out whoever works on it, and gives undos their attempts back. */
    resolve(saga: SagaRow, change: SagaChange): Promise<boolean> {
      return session.write(async () => {
        if (!(await store.advanceInside(saga, change, []))) return false;
        await session
          .db('kit_saga_step')
          .where({ saga_id: saga.id, phase: 'undo' })
          .whereNot({ status: 'done' })
          .update({ attempts: 0 });
        return true;
      }, 'transaction');
    },

    /** Extends the lease, unless it was given back: a renewal that comes late must not put off the next attempt. */
    async renew(saga: SagaRow): Promise<boolean> {
      const changed = await session.write(() =>
        held(saga)
          .whereNotNull('owner')
          .update({ due_at: after(leaseMs) }),
      );
      return changed > 0;
    },
  };
  return store;

  /** The fence: nothing is changed of a saga that somebody else has claimed since. */
  function held({ id, fence }: SagaRow) {
    return sagas().where({ id, fence });
  }

  /** As text: the one statement of every step, which a query builder would put together each time anew. */
  function fencedUpdate({ id, fence }: SagaRow, change: SagaChange): Statement {
    const { dueInMs = leaseMs, error, status, nextStep, retries, resolution } = change;
    const set = [`updated_at = ${now}`, `due_at = ${dueInMs === null ? 'NULL' : afterSql(dueInMs)}`];
    const bindings: Knex.RawBinding[] = [];
    const put = (column: string, value: string | number | null) => {
      set.push(`${column} = ?`);
      bindings.push(value);
    };
    if (change.dueInMs !== undefined) set.push('owner = NULL');
    if (status !== undefined) put('status', status);
    if (nextStep !== undefined) put('next_step', nextStep);
    if (error !== undefined) put('error', error && JSON.stringify(error));
    if (retries !== undefined) put('retries', retries);
    if (resolution !== undefined) {
      put('resolution', resolution);
      set.push('fence = fence + 1');
    }
    const sql = `UPDATE kit_saga SET ${set.join(', ')} WHERE id = ? AND fence = ?`;
    return { sql, bindings: [...bindings, id, fence] };
  }

  /** PostgreSQL does both in one statement: one round trip and one commit instead of four. */
  async function advanceAtOnce(
    saga: SagaRow,
    change: SagaChange,
    steps: readonly StepRecord[],
  ): Promise<boolean> {
    const update = fencedUpdate(saga, change);
    const { rows }: { rows: unknown[] } = await session.raw(
      `WITH held AS (${update.sql} RETURNING id)
       INSERT INTO kit_saga_step (${stepColumns}, saga_id, updated_at)
       SELECT step.*, held.id, ${now} FROM held, (VALUES ${steps.map(() => typedStepValues).join(', ')}) AS step
       ${onSameStep.postgres} RETURNING seq`,
      [...update.bindings, ...steps.flatMap(valuesOf)],
    );
    return rows.length > 0;
  }

  function due(query: ReturnType<typeof sagas>, definitions: readonly SagaDefinition[]) {
    return query
      .whereIn('status', openStatuses)
      .where('due_at', '<=', session.raw(`(select ${now})`))
      .where((known) => {
        // Nothing at all would be no condition: a runner without sagas would take everybody's.
        if (definitions.length === 0) void known.whereRaw('1 = 0');
        for (const { name, version } of definitions) void known.orWhere({ name, version });
      });
  }

  async function load(
    narrow: (query: ReturnType<typeof sagas>) => ReturnType<typeof sagas>,
    limit: number,
  ): Promise<SagaRow[]> {
    const rows: RawRow[] = await narrow(sagas())
      .orderBy([{ column: 'created_at', order: 'desc' }, { column: 'id' }])
      .limit(limit)
      .select(columns)
      .select(session.raw(`${now} - created_at as age_ms`), session.raw(`due_at - ${now} as due_in_ms`));
    const steps = new Map<string, RawRow[]>(rows.map((row) => [String(row.id), []]));
    // In portions: SQLite takes a limited number of bindings.
    const ids = [...steps.keys()];
    for (let start = 0; start < ids.length; start += 500) {
      const found: RawRow[] = await session
        .db('kit_saga_step')
        .whereIn('saga_id', ids.slice(start, start + 500))
        .orderBy(['saga_id', 'seq', 'phase'])
        .select('*');
      for (const row of found) steps.get(String(row.saga_id))?.push(row);
    }
    return rows.map((row) => toSaga(row, steps.get(String(row.id)) ?? []));
  }

  /** An upsert, so that a write whose COMMIT got lost on the way back can be repeated. */
  async function putSteps(sagaId: string, steps: readonly StepRecord[]): Promise<void> {
    await session.raw(
      `INSERT INTO kit_saga_step (${stepColumns}, saga_id, updated_at)
       VALUES ${steps.map(() => `(${stepValues}, ?, ${now})`).join(', ')} ${onSameStep[session.engine]}`,
      steps.flatMap((step) => [...valuesOf(step), sagaId]),
    );
  }
}

interface Statement {
  readonly sql: string;
  readonly bindings: readonly Knex.RawBinding[];
}

const openStatuses: readonly SagaStatus[] = ['running', 'compensating'];

const idOf = ({ id }: { id: string }) => id;
