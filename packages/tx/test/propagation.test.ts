import { describe, expect, it } from 'vitest';
import type { Propagation } from '../src/index.js';
import { engines, labels, reasonOf, useEntries } from './support/databases.js';

type Ending = 'ok' | 'inner throws' | 'outer throws';

/** The rows that are left, and who hears of what: the inner caller, who catches, and the outer one. */
interface Seen {
  rows: string[];
  inner?: string;
  outer?: string;
}

const both = ['outer', 'inner'];
const joins: Record<Ending, Seen> = {
  ok: { rows: both },
  // An error that escapes a joined scope marks the transaction rollback-only: the outer caller must hear of it.
  'inner throws': { rows: [], inner: 'boom', outer: 'UnexpectedRollbackError' },
  'outer throws': { rows: [], outer: 'boom' },
};
const ownConnection: Record<Ending, Seen> = {
  ok: { rows: both },
  'inner throws': { rows: ['outer'], inner: 'boom' },
  'outer throws': { rows: ['inner'], outer: 'boom' },
};
const refused = (inner: string): Record<Ending, Seen> => ({
  ok: { rows: ['outer'], inner },
  'inner throws': { rows: ['outer'], inner },
  'outer throws': { rows: [], inner, outer: 'boom' },
});

const active: Record<Propagation, Record<Ending, Seen>> = {
  REQUIRED: joins,
  SUPPORTS: joins,
  MANDATORY: joins,
  NESTED: {
    ok: { rows: both },
    'inner throws': { rows: ['outer'], inner: 'boom' },
    'outer throws': { rows: [], outer: 'boom' },
  },
  REQUIRES_NEW: ownConnection,
  // What runs outside every transaction stays, however either ends.
  NOT_SUPPORTED: { ...ownConnection, 'inner throws': { rows: both, inner: 'boom' } },
  NEVER: refused('PropagationError'),
};

const begins: Record<Ending, Seen> = {
  ok: { rows: both },
  'inner throws': { rows: ['outer'], inner: 'boom' },
  'outer throws': { rows: both, outer: 'boom' },
};
const none: Record<Propagation, Record<Ending, Seen>> = {
  REQUIRED: begins,
  REQUIRES_NEW: begins,
  NESTED: begins,
  SUPPORTS: { ...begins, 'inner throws': { rows: both, inner: 'boom' } },
  NOT_SUPPORTED: { ...begins, 'inner throws': { rows: both, inner: 'boom' } },
  NEVER: { ...begins, 'inner throws': { rows: both, inner: 'boom' } },
  MANDATORY: {
    ...refused('PropagationError'),
    'outer throws': { rows: ['outer'], inner: 'PropagationError', outer: 'boom' },
  },
};

describe.each(engines)('propagation on %s', (engine) => {
  const { knex, tm, add } = useEntries(engine);
  const boom = Object.assign(new Error('boom'), { name: 'boom' });
  const nameOf = (reason: unknown) => (reason as Error | undefined)?.name;

  // SQLite has one writer, which the outer transaction holds: neither waits, both are refused.
  const onSqlite = { REQUIRES_NEW: refused('PoolDeadlockError'), NOT_SUPPORTED: refused('PropagationError') };

  const matrix = [
    { where: 'with a transaction active', expected: { ...active, ...(engine === 'sqlite' ? onSqlite : {}) } },
    { where: 'without a transaction', expected: none },
  ].flatMap(({ where, expected }) =>
    Object.entries(expected).flatMap(([propagation, endings]) =>
      Object.entries(endings).map(([ending, seen]) => ({
        where,
        propagation: propagation as Propagation,
        ending: ending as Ending,
        seen,
      })),
    ),
  );

  it.each(matrix)('$propagation $where, $ending: $seen', async ({ where, propagation, ending, seen }) => {
    let inner: unknown;
    const work = async () => {
      await add('outer');
      inner = await reasonOf(
        tm.run({ propagation }, async () => {
          await add('inner');
          if (ending === 'inner throws') throw boom;
        }),
      );
      if (ending === 'outer throws') throw boom;
    };
    const outer = await reasonOf(where === 'without a transaction' ? work() : tm.run(work));
    expect({
      rows: (await labels(knex)).toSorted(),
      inner: nameOf(inner),
      outer: nameOf(outer),
    }).toEqual({ ...seen, rows: seen.rows.toSorted() });
    expect(knex.client.pool.numUsed()).toBe(0);
  });

  const seen = async (): Promise<string[]> => tm.db('entry').orderBy('id').pluck('label');
  const outside = () => tm.run({ readOnly: true, propagation: 'NOT_SUPPORTED' }, seen);

  if (engine === 'sqlite')
    it('NOT_SUPPORTED refuses reads outside of a transaction that is active, too', async () => {
      expect(nameOf(await reasonOf(tm.run(outside)))).toBe('PropagationError');
      expect(nameOf(await reasonOf(tm.read({ snapshot: true }, outside)))).toBe('PropagationError');
      expect(await outside()).toEqual([]);
    });
  else
    it('NOT_SUPPORTED reads outside of the transaction that is active, and only reads', async () => {
      await tm.run(async () => {
        await add('uncommitted');
        expect(await outside()).toEqual([]);
        expect(
          await reasonOf(tm.run({ readOnly: true, propagation: 'NOT_SUPPORTED' }, () => add('never'))),
        ).toBeInstanceOf(Error);
      });
      await tm.read({ snapshot: true }, async () => {
        expect(await seen()).toEqual(['uncommitted']);
        await knex('entry').insert({ label: 'since' });
        expect(await seen()).toEqual(['uncommitted']);
        expect(await outside()).toEqual(['uncommitted', 'since']);
      });
      expect(await labels(knex)).toEqual(['uncommitted', 'since']);
      expect(knex.client.pool.numUsed()).toBe(0);
    });
});
