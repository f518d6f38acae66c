import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createTransactionManager,
  isPoolDeadlockError,
  isPropagationError,
  isUnexpectedRollbackError,
  type Propagation,
  type TransactionManager,
} from '../src/index.js';
import { engines, labels, openDatabase, resetEntries, type TestDatabase } from './support/databases.js';

type Ending = 'ok' | 'inner throws' | 'outer throws';

const boom = new Error('boom');

describe.each(engines)('propagation on %s', (engine) => {
  let database: TestDatabase;
  let knex: Knex;
  let tm: TransactionManager;

  beforeAll(async () => {
    database = await openDatabase(engine);
    knex = database.pool();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await resetEntries(knex);
    tm = createTransactionManager({ name: 'matrix', primary: knex });
    return () => tm.close();
  });

  const add = (label: string) => tm.db('entry').insert({ label });

  /** What a caller that catches the inner error sees, and which rows are left. */
  async function active(propagation: Propagation, ending: Ending) {
    const outer = tm.run(async () => {
      await add('outer');
      await tm
        .run({ propagation }, async () => {
          await add('inner');
          if (ending === 'inner throws') throw boom;
        })
        .catch((error) => {
          if (error !== boom) throw error;
        });
      if (ending === 'outer throws') throw boom;
    });
    const error = await outer.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return { error, rows: await labels(knex) };
  }

  async function alone(propagation: Propagation, ending: Ending) {
    const error = await tm
      .run({ propagation }, async () => {
        await add('inner');
        if (ending !== 'ok') throw boom;
      })
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    return { error, rows: await labels(knex) };
  }

  describe('with a transaction active', () => {
    it.each(['REQUIRED', 'SUPPORTS', 'MANDATORY'] as const)('%s joins it', async (propagation) => {
      expect(await active(propagation, 'ok')).toEqual({ error: undefined, rows: ['outer', 'inner'] });
    });

    it.each(['REQUIRED', 'SUPPORTS', 'MANDATORY'] as const)(
      '%s marks it rollback-only when an error escapes, and the outer commit is refused',
      async (propagation) => {
        const { error, rows } = await active(propagation, 'inner throws');
        expect(isUnexpectedRollbackError(error)).toBe(true);
        expect((error as Error).cause).toBe(boom);
        expect(rows).toEqual([]);
      },
    );

    it.each(['REQUIRED', 'SUPPORTS', 'MANDATORY', 'NESTED'] as const)(
      '%s is undone when the outer function throws',
      async (propagation) => {
        expect(await active(propagation, 'outer throws')).toEqual({ error: boom, rows: [] });
      },
    );

    it('NESTED keeps both, or only the outer row when the inner function throws', async () => {
      expect(await active('NESTED', 'ok')).toEqual({ error: undefined, rows: ['outer', 'inner'] });
      await knex('entry').truncate();
      expect(await active('NESTED', 'inner throws')).toEqual({ error: undefined, rows: ['outer'] });
    });

    if (engine === 'sqlite') {
      it('REQUIRES_NEW is refused at once: SQLite has one writer', async () => {
        const { error, rows } = await active('REQUIRES_NEW', 'ok');
        expect(isPoolDeadlockError(error)).toBe(true);
        expect(rows).toEqual([]);
      });

      it('NOT_SUPPORTED is refused', async () => {
        const { error, rows } = await active('NOT_SUPPORTED', 'ok');
        expect(isPropagationError(error)).toBe(true);
        expect(rows).toEqual([]);
      });
    } else {
      it.each(['REQUIRES_NEW', 'NOT_SUPPORTED'] as const)(
        '%s is independent of how the outer one ends',
        async (propagation) => {
          expect((await active(propagation, 'ok')).rows.toSorted()).toEqual(['inner', 'outer']);
          await knex('entry').truncate();
          expect(await active(propagation, 'outer throws')).toEqual({ error: boom, rows: ['inner'] });
        },
      );

      it('REQUIRES_NEW rolls back alone', async () => {
        expect(await active('REQUIRES_NEW', 'inner throws')).toEqual({ error: undefined, rows: ['outer'] });
      });

      it('NOT_SUPPORTED keeps what it wrote although it throws', async () => {
        const { error, rows } = await active('NOT_SUPPORTED', 'inner throws');
        expect(error).toBeUndefined();
        expect(rows.toSorted()).toEqual(['inner', 'outer']);
      });
    }

    it('NEVER throws', async () => {
      const { error, rows } = await active('NEVER', 'ok');
      expect(isPropagationError(error)).toBe(true);
      expect(rows).toEqual([]);
    });
  });

  describe('without a transaction', () => {
    it.each(['REQUIRED', 'REQUIRES_NEW', 'NESTED'] as const)('%s begins one', async (propagation) => {
      expect(await alone(propagation, 'ok')).toEqual({ error: undefined, rows: ['inner'] });
      await knex('entry').truncate();
      expect(await alone(propagation, 'inner throws')).toEqual({ error: boom, rows: [] });
    });

    it.each(['SUPPORTS', 'NOT_SUPPORTED', 'NEVER'] as const)('%s runs without', async (propagation) => {
      expect(await alone(propagation, 'inner throws')).toEqual({ error: boom, rows: ['inner'] });
    });

    it('MANDATORY throws', async () => {
      const { error, rows } = await alone('MANDATORY', 'ok');
      expect(isPropagationError(error)).toBe(true);
      expect(rows).toEqual([]);
    });
  });
});
