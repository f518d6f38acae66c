import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTransactionManager, type Isolation, type TransactionManager } from '../src/index.js';
import { engines, openDatabase, type EngineName, type TestDatabase } from './support/databases.js';
import { interleave, type Outcome } from './support/interleaving.js';

/**
 * The anomalies of Martin Kleppmann's https://github.com/ept/hermitage (its README has the published results) that
 * each isolation lets through. The table always starts as `1=10 2=20`.
 */
interface Anomaly {
  script: readonly string[];
  /** Whether what the transactions saw and left is the anomaly. */
  happened(outcome: Outcome): boolean;
  /** The table afterwards, if it happened. */
  possible?: readonly string[];
  /** The table afterwards, if it did not: who was refused, or came first, may differ. */
  prevented: readonly string[];
  /** Who waits for another's lock, on every engine and level. */
  waits?: string[];
}

const set = (id: number, value: number) => `update test set value = ${value} where id = ${id}`;
const get = (where = 'true') => `select id, value from test where ${where}`;
const saw = ({ reads }: Outcome, name: string, rows: string) => (reads[name] ?? []).includes(rows);
const allCommitted = ({ refused }: Outcome) => refused.size === 0;

const anomalies = {
  'G0 write cycles': {
    script: [
      `T1: ${set(1, 11)}`,
      `T2: ${set(1, 12)}`,
      `T1: ${set(2, 21)}`,
      'T1: commit',
      `T2: ${set(2, 22)}`,
      'T2: commit',
    ],
    happened: ({ rows }) => rows === '1=12 2=21' || rows === '1=11 2=22',
    prevented: ['1=12 2=22', '1=11 2=21'],
    waits: ['T2'],
  },
  'G1a aborted reads': {
    script: [`T1: ${set(1, 101)}`, `T2: ${get()}`, 'T1: rollback', `T2: ${get()}`, 'T2: commit'],
    happened: (outcome) => saw(outcome, 'T2', '1=101 2=20'),
    possible: ['1=10 2=20'],
    prevented: ['1=10 2=20'],
  },
  'G1b intermediate reads': {
    script: [
      `T1: ${set(1, 101)}`,
      `T2: ${get()}`,
      `T1: ${set(1, 11)}`,
      'T1: commit',
      `T2: ${get()}`,
      'T2: commit',
    ],
    happened: (outcome) => saw(outcome, 'T2', '1=101 2=20'),
    possible: ['1=11 2=20'],
    prevented: ['1=11 2=20'],
  },
  'G1c circular information flow': {
    script: [
      `T1: ${set(1, 11)}`,
      `T2: ${set(2, 22)}`,
      `T1: ${get('id = 2')}`,
      `T2: ${get('id = 1')}`,
      'T1: commit',
      'T2: commit',
    ],
    happened: (outcome) => saw(outcome, 'T1', '2=22') && saw(outcome, 'T2', '1=11'),
    possible: ['1=11 2=22'],
    prevented: ['1=11 2=22', '1=11 2=20', '1=10 2=22'],
  },
  'OTV observed transaction vanishes': {
    script: [
      `T1: ${set(1, 11)}`,
      `T1: ${set(2, 19)}`,
      `T2: ${set(1, 12)}`,
      'T1: commit',
      `T3: ${get()}`,
      `T2: ${set(2, 18)}`,
      `T3: ${get()}`,
      'T2: commit',
      `T3: ${get()}`,
      'T3: commit',
    ],
    happened: (outcome) => saw(outcome, 'T3', '1=12 2=19') || saw(outcome, 'T3', '1=11 2=18'),
    possible: ['1=12 2=18'],
    prevented: ['1=12 2=18', '1=11 2=19'],
    waits: ['T2'],
  },
  'PMP predicate-many-preceders, reading': {
    script: [
      `T1: ${get('value = 30')}`,
      'T2: insert into test (id, value) values (3, 30)',
      'T2: commit',
      `T1: ${get('value % 3 = 0')}`,
      'T1: commit',
    ],
    happened: (outcome) => saw(outcome, 'T1', '') && saw(outcome, 'T1', '3=30'),
    possible: ['1=10 2=20 3=30'],
    prevented: ['1=10 2=20 3=30'],
  },
  // One after the other, T1 deletes the row it saw.
  'PMP predicate-many-preceders, writing': {
    script: [
      `T1: ${get('value = 20')}`,
      'T2: update test set value = value + 10',
      'T1: delete from test where value = 20',
      'T2: commit',
      'T1: commit',
    ],
    happened: (outcome) => allCommitted(outcome) && saw(outcome, 'T1', '2=20') && outcome.rows !== '1=20',
    // PostgreSQL deletes nothing, InnoDB the other row.
    possible: ['1=20 2=30', '2=30'],
    prevented: ['1=20', '1=20 2=30', '1=10'],
  },
  'P4 lost update': {
    script: [
      `T1: ${get('id = 1')}`,
      `T2: ${get('id = 1')}`,
      `T1: ${set(1, 11)}`,
      `T2: ${set(1, 12)}`,
      'T1: commit',
      'T2: commit',
    ],
    happened: (outcome) => allCommitted(outcome) && saw(outcome, 'T1', '1=10') && saw(outcome, 'T2', '1=10'),
    possible: ['1=12 2=20'],
    prevented: ['1=11 2=20', '1=12 2=20'],
  },
  'G-single read skew, reading': {
    script: [
      `T1: ${get('id = 1')}`,
      `T2: ${get()}`,
      `T2: ${set(1, 12)}`,
      `T2: ${set(2, 18)}`,
      'T2: commit',
      `T1: ${get('id = 2')}`,
      'T1: commit',
    ],
    happened: (outcome) => saw(outcome, 'T1', '1=10') && saw(outcome, 'T1', '2=18'),
    possible: ['1=12 2=18'],
    prevented: ['1=12 2=18'],
  },
  // One after the other, T1 deletes row 2 or has seen T2's row 1.
  'G-single read skew, writing': {
    script: [
      `T1: ${get('id = 1')}`,
      `T2: ${get()}`,
      `T2: ${set(1, 12)}`,
      `T2: ${set(2, 18)}`,
      'T2: commit',
      'T1: delete from test where value = 20',
      'T1: commit',
    ],
    happened: (outcome) =>
      allCommitted(outcome) && saw(outcome, 'T1', '1=10') && outcome.rows.includes('2=18'),
    possible: ['1=12 2=18'],
    prevented: ['1=12', '1=12 2=18', '1=10'],
  },
  'G2-item write skew': {
    script: [
      `T1: ${get('id in (1, 2)')}`,
      `T2: ${get('id in (1, 2)')}`,
      `T1: ${set(1, 11)}`,
      `T2: ${set(2, 21)}`,
      'T1: commit',
      'T2: commit',
    ],
    happened: (outcome) =>
      allCommitted(outcome) && saw(outcome, 'T1', '1=10 2=20') && saw(outcome, 'T2', '1=10 2=20'),
    possible: ['1=11 2=21'],
    prevented: ['1=11 2=20', '1=10 2=21', '1=11 2=21'],
  },
  'G2 anti-dependency cycles': {
    script: [
      `T1: ${get('value % 3 = 0')}`,
      `T2: ${get('value % 3 = 0')}`,
      'T1: insert into test (id, value) values (3, 30)',
      'T2: insert into test (id, value) values (4, 42)',
      'T1: commit',
      'T2: commit',
    ],
    happened: (outcome) => allCommitted(outcome) && saw(outcome, 'T1', '') && saw(outcome, 'T2', ''),
    possible: ['1=10 2=20 3=30 4=42'],
    prevented: ['1=10 2=20 3=30', '1=10 2=20 4=42', '1=10 2=20 3=30 4=42'],
  },
  // Fekete et al.: T3 only reads, yet it is what closes the cycle.
  'G2 anti-dependency cycles, two edges': {
    script: [
      `T1: ${get()}`,
      'T2: update test set value = value + 5 where id = 2',
      'T2: commit',
      `T3: ${get()}`,
      'T3: commit',
      `T1: ${set(1, 0)}`,
      'T1: commit',
    ],
    happened: (outcome) =>
      allCommitted(outcome) && saw(outcome, 'T1', '1=10 2=20') && saw(outcome, 'T3', '1=10 2=25'),
    possible: ['1=0 2=25'],
    prevented: ['1=10 2=25', '1=0 2=20', '1=0 2=25'],
  },
} satisfies Record<string, Anomaly>;

type Verdict = 'possible' | 'prevented';
const no: Verdict = 'prevented';
const yes: Verdict = 'possible';

const columns: readonly (readonly [EngineName, Isolation])[] = [
  ['postgres', 'read uncommitted'],
  ['postgres', 'read committed'],
  ['postgres', 'repeatable read'],
  ['postgres', 'serializable'],
  ['mysql', 'read uncommitted'],
  ['mysql', 'read committed'],
  ['mysql', 'repeatable read'],
  ['mysql', 'serializable'],
  ['sqlite', 'serializable'],
];

/**
 * May it happen? PostgreSQL's READ UNCOMMITTED is READ COMMITTED. The column of InnoDB's REPEATABLE READ is the one
 * with `innodb_snapshot_isolation` off, as MySQL and MariaDB before 11.6 have it: a snapshot to read from, but none to write to.
 */
const table: Record<keyof typeof anomalies, readonly Verdict[]> = {
  // Four of PostgreSQL, four of MariaDB, from READ UNCOMMITTED to SERIALIZABLE; SQLite.
  'G0 write cycles': [no, no, no, no, no, no, no, no, no],
  'G1a aborted reads': [no, no, no, no, yes, no, no, no, no],
  'G1b intermediate reads': [no, no, no, no, yes, no, no, no, no],
  'G1c circular information flow': [no, no, no, no, yes, no, no, no, no],
  'OTV observed transaction vanishes': [no, no, no, no, yes, no, no, no, no],
  'PMP predicate-many-preceders, reading': [yes, yes, no, no, yes, yes, no, no, no],
  'PMP predicate-many-preceders, writing': [yes, yes, no, no, yes, yes, yes, no, no],
  'P4 lost update': [yes, yes, no, no, yes, yes, yes, no, no],
  'G-single read skew, reading': [yes, yes, no, no, yes, yes, no, no, no],
  'G-single read skew, writing': [yes, yes, no, no, yes, yes, yes, no, no],
  'G2-item write skew': [yes, yes, yes, no, yes, yes, yes, no, no],
  'G2 anti-dependency cycles': [yes, yes, yes, no, yes, yes, yes, no, no],
  'G2 anti-dependency cycles, two edges': [yes, yes, yes, no, yes, yes, yes, no, no],
};

describe.each(engines)('anomalies on %s', (engine) => {
  let database: TestDatabase;
  let observer: Knex;
  let tm: TransactionManager;

  beforeAll(async () => {
    database = await openDatabase(engine);
    observer = database.pool();
    if (engine === 'mysql') await turnOffSnapshotIsolation(observer);
    await observer.schema.createTable('test', (test) => {
      test.integer('id').primary();
      test.integer('value').notNullable();
    });
    tm = createTransactionManager({ name: 'hermitage', primary: database.pool() });
  });
  afterAll(async () => {
    await tm.close();
    await database.close();
  });
  beforeEach(async () => {
    await observer('test').delete();
    await observer('test').insert([
      { id: 1, value: 10 },
      { id: 2, value: 20 },
    ]);
  });

  const cells = columns.flatMap(([of, isolation], column) =>
    of === engine
      ? Object.entries(table).map(([name, verdicts]) => ({ name, isolation, verdict: verdicts[column] }))
      : [],
  );

  it.each(cells)('$name at $isolation: $verdict', async ({ name, isolation, verdict }) => {
    const anomaly: Anomaly = anomalies[name as keyof typeof anomalies];
    const outcome = await interleave(anomaly.script, tm, isolation, { engine, observer });
    expect(anomaly.happened(outcome) ? 'possible' : 'prevented').toBe(verdict);
    expect(verdict === 'possible' ? anomaly.possible : anomaly.prevented).toContain(outcome.rows);
    for (const error of outcome.refused.values())
      expect(error).toMatchObject(engine === 'postgres' ? { code: '40001' } : { errno: 1213 });
    expect([...outcome.waited]).toEqual(expect.arrayContaining(anomaly.waits ?? []));
    if (engine === 'sqlite') expectSerial(outcome);
  });
});

/** One at a time: everyone but the first has waited, and nobody was refused. */
function expectSerial(outcome: Outcome): void {
  expect(outcome.open).toBe(1);
  expect(outcome.refused.size).toBe(0);
  expect([...outcome.waited].toSorted()).toEqual(Object.keys(outcome.reads).filter((name) => name !== 'T1'));
}

/** On by default from MariaDB 11.6; older ones and MySQL do not know it. */
async function turnOffSnapshotIsolation(knex: Knex): Promise<void> {
  const [known] = await knex.raw("show global variables like 'innodb_snapshot_isolation'");
  if (known.length > 0) await knex.raw('set global innodb_snapshot_isolation = off');
}
