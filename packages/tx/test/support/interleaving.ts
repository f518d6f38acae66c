import { setTimeout as delay } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { Isolation, TransactionManager } from '../../src/index.js';
import type { EngineName } from './databases.js';

/** What a run of a script left behind; rows are written `1=10 2=20`. */
export interface Outcome {
  /** What each transaction's SELECTs showed, in order. */
  reads: Record<string, string[]>;
  /** The transactions that the database refused, with the error. */
  refused: Map<string, unknown>;
  /** The table afterwards. */
  rows: string;
  /** The transactions that were found waiting for another one. */
  waited: Set<string>;
  /** How many transactions were open at once, at most. */
  open: number;
}

interface Actor {
  readonly name: string;
  readonly steps: string[];
  readonly end: Promise<void>;
  wake: () => void;
  state: 'beginning' | 'idle' | 'working' | 'over';
}

const rolledBack = new Error('ROLLBACK');

/**
 * Runs a script of lines `T1: <sql>`, each transaction in a `tm.run` of its own that begins with its first line.
 * The next line is sent when every statement has either ended or waits for a lock, as the database itself says;
 * a transaction that waits keeps its further lines for later.
 */
export async function interleave(
  script: readonly string[],
  tm: TransactionManager,
  isolation: Isolation,
  { engine, observer }: { engine: EngineName; observer: Knex },
): Promise<Outcome> {
  const actors = new Map<string, Actor>();
  const outcome: Outcome = { reads: {}, refused: new Map(), rows: '', waited: new Set(), open: 0 };
  const all = () => [...actors.values()];
  let lookedAt = performance.now();

  for (const line of script) {
    const [name = '', sql = ''] = line.split(': ');
    const actor = actors.get(name) ?? begin(name);
    if (actor.state === 'over') continue;
    actor.steps.push(sql);
    actor.wake();
    await quiet();
  }
  await Promise.all(all().map((actor) => actor.end));
  outcome.rows = written(await observer('test').orderBy('id'));
  return outcome;

  function begin(name: string): Actor {
    const reads: string[] = [];
    outcome.reads[name] = reads;
    const end = tm
      .run({ isolation }, () => follow(actor, reads))
      .catch((error: unknown) => {
        if (error !== rolledBack) outcome.refused.set(name, error);
      })
      .finally(() => (actor.state = 'over'));
    const actor: Actor = { name, steps: [], end, wake() {}, state: 'beginning' };
    actors.set(name, actor);
    return actor;
  }

  async function follow(actor: Actor, reads: string[]): Promise<void> {
    actor.state = 'idle';
    outcome.open = Math.max(outcome.open, all().filter(isOpen).length);
    for (;;) {
      const step = actor.steps.shift();
      if (step === undefined) {
        actor.state = 'idle';
        await new Promise<void>((resolve) => (actor.wake = resolve));
        continue;
      }
      actor.state = 'working';
      if (step === 'commit') return;
      if (step === 'rollback') throw rolledBack;
      const result = await tm.db.raw(step);
      if (step.startsWith('select')) reads.push(written(rowsOf(result)));
    }
  }

  async function quiet(): Promise<void> {
    for (;;) {
      // A woken transaction takes its step before this goes on.
      await delay(1);
      if (busy().length === 0) return;
      // Counted before the look: whoever ends in between may have let another one go.
      const before = busy();
      if ((await waiting()) < before.length) continue;
      for (const actor of before) outcome.waited.add(actor.name);
      return;
    }
  }

  function busy(): Actor[] {
    return all().filter(({ state, steps }) => state !== 'over' && (state !== 'idle' || steps.length > 0));
  }

  /** How many transactions wait for another one, by the database's own account. */
  async function waiting(): Promise<number> {
    // In SQLite they wait for their BEGIN, for as long as another one is open.
    if (engine === 'sqlite')
      return all().some(isOpen) ? all().filter(({ state }) => state === 'beginning').length : 0;
    if (engine === 'postgres') {
      const found = await observer.raw('select count(distinct pid) as n from pg_locks where not granted');
      return Number(found.rows[0].n);
    }
    // InnoDB renews this table only when nobody has read it for 100 ms.
    while (performance.now() < lookedAt + 110 && busy().length > 0) await delay(5);
    if (busy().length === 0) return 0;
    const [rows] = await observer.raw(
      "select count(*) as n from information_schema.innodb_trx where trx_state = 'LOCK WAIT'",
    );
    lookedAt = performance.now();
    return Number(rows[0].n);
  }
}

function isOpen({ state }: Actor): boolean {
  return state === 'idle' || state === 'working';
}

type Row = { id: number; value: number };

function rowsOf(result: unknown): Row[] {
  if (Array.isArray(result)) return Array.isArray(result[0]) ? result[0] : result;
  return (result as { rows: Row[] }).rows;
}

function written(rows: Row[]): string {
  return rows
    .toSorted((one, other) => one.id - other.id)
    .map(({ id, value }) => `${id}=${value}`)
    .join(' ');
}
