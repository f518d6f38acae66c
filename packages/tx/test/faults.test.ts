import { setTimeout as delay } from 'node:timers/promises';
import type { Knex } from 'knex';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  createTransactionManager,
  isDanglingQueryError,
  isPoolDeadlockError,
  isTransactionClosedError,
  isTransactionTimeoutError,
  isUnexpectedRollbackError,
  type TransactionManager,
} from '../src/index.js';
import { engines, labels, reasonOf, useEntries } from './support/databases.js';

/**
 * The faults of the design page: each first with plain knex, as a document, then with the manager.
 * The sixth is in faults-hijacked.test.ts, the seventh and eighth in faults-connection.test.ts, the ninth in faults-joining.test.ts.
 */
describe.each(engines)('the faults of plain knex on %s', (engine) => {
  const { database, knex, tm } = useEntries(engine, { name: 'faults', gateTimeoutMs: 200 });

  const add = (label: string) => tm.db('entry').insert({ label });

  if (engine === 'postgres')
    describe('1: a swallowed error, then COMMIT', () => {
      it('plain knex resolves, and the row is not there', async () => {
        await knex.transaction(async (trx) => {
          await trx('entry').insert({ label: 'kept?' });
          await trx.raw('select * from nowhere').catch(() => {});
        });
        expect(await labels(knex)).toEqual([]);
      });

      it('tm.run rejects with UnexpectedRollbackError that names the swallowed error', async () => {
        const reason = await reasonOf(
          tm.run(async () => {
            await add('kept?');
            await tm.db.raw('select * from nowhere').then(
              () => {},
              () => {},
            );
          }),
        );
        expect(isUnexpectedRollbackError(reason)).toBe(true);
        expect((reason as { cause: { code: string } }).cause.code).toBe('42P01');
        expect((reason as Error).message).toMatch(
          /was rolled back although its function returned: an error inside was swallowed \(.*nowhere/,
        );
        expect(await labels(knex)).toEqual([]);
      });
    });

  if (engine === 'mysql')
    describe('2: a swallowed deadlock', () => {
      beforeEach(async () => {
        await knex('entry').insert([{ label: 'a' }, { label: 'b' }]);
      });
      const touch = (db: Pick<Knex, 'raw'>, label: string, amount = 1) =>
        db.raw('update entry set amount = amount + ? where label = ?', [amount, label]);

      it('plain knex writes on outside the transaction, and its rollback keeps that', async () => {
        const other = await knex.transaction();
        // The smaller transaction is the victim.
        await touch(other, 'a');
        await other.raw("insert into entry (label) values ('x1'), ('x2'), ('x3')");
        await knex
          .transaction(async (trx) => {
            await touch(trx, 'b');
            const blocked = touch(other, 'b').then(() => {});
            await delay(100);
            await touch(trx, 'a').then(
              () => {},
              () => {},
            );
            await blocked;
            await trx('entry').insert({ label: 'survives' });
            throw new Error('roll back');
          })
          .catch(() => {});
        await other.rollback();
        expect(await labels(knex)).toContain('survives');
      });

      it('tm.run refuses every further statement, and rejects', async () => {
        const other = await knex.transaction();
        await touch(other, 'a');
        await other.raw("insert into entry (label) values ('x1'), ('x2'), ('x3')");
        let later: unknown;
        const reason = await reasonOf(
          tm.run(async () => {
            await touch(tm.db as never, 'b');
            const blocked = touch(other, 'b').then(() => {});
            await delay(100);
            await touch(tm.db as never, 'a').then(
              () => {},
              () => {},
            );
            await blocked;
            later = await reasonOf(add('survives').then(() => {}));
          }),
        );
        await other.rollback();
        expect(isUnexpectedRollbackError(later)).toBe(true);
        expect(isUnexpectedRollbackError(reason)).toBe(true);
        expect((reason as { cause: { errno: number } }).cause.errno).toBe(1213);
        expect(await labels(knex)).toEqual(['a', 'b']);
      });
    });

  describe("3: a parent's write while a sibling's savepoint is rolled back", () => {
    it('plain knex loses it', async () => {
      await knex.transaction(async (trx) => {
        await Promise.all([
          trx
            .transaction(async (inner) => {
              await inner('entry').insert({ label: 'inner' });
              await delay(30);
              throw new Error('only the inner one');
            })
            .catch(() => {}),
          delay(10).then(() => trx('entry').insert({ label: 'outer' })),
        ]);
      });
      expect(await labels(knex)).toEqual([]);
    });

    it('tm.run holds it until the savepoint has ended', async () => {
      await tm.run(async () => {
        await Promise.all([
          tm
            .run({ propagation: 'NESTED' }, async () => {
              await add('inner');
              await delay(30);
              throw new Error('only the inner one');
            })
            .catch(() => {}),
          delay(10).then(() => add('outer')),
        ]);
      });
      expect(await labels(knex)).toEqual(['outer']);
    });

    it('a nested scope that awaits a held statement gets an error, not a deadlock', async () => {
      const reason = await reasonOf(
        tm.run(async () => {
          const outer = delay(10).then(() => add('outer'));
          await tm.run({ propagation: 'NESTED' }, async () => {
            await add('inner');
            await outer;
          });
        }),
      );
      expect(isTransactionTimeoutError(reason)).toBe(true);
      expect(await labels(knex)).toEqual([]);
    });

    it('twenty nested siblings at once keep exactly what succeeded', async () => {
      await tm.run(async () => {
        await Promise.allSettled(
          Array.from({ length: 20 }, (_, index) =>
            tm.run({ propagation: 'NESTED' }, async () => {
              await add(`n${index}`);
              await delay(1);
              if (index % 2 === 1) throw new Error('odd');
            }),
          ),
        );
      });
      expect((await labels(knex)).toSorted()).toEqual(
        Array.from({ length: 10 }, (_, index) => `n${index * 2}`).toSorted(),
      );
    });
  });

  describe('4: a write that nobody awaits', () => {
    it('plain knex on the pool lands although the transaction rolled back', async () => {
      let late: Promise<unknown> | undefined;
      await knex
        .transaction(async () => {
          // What a repository does that was not handed the trx.
          late = delay(20).then(() => knex('entry').insert({ label: 'late' }));
          throw new Error('roll back');
        })
        .catch(() => {});
      await late;
      expect(await labels(knex)).toEqual(['late']);
    });

    it('after the end of tm.run it is refused', async () => {
      let late: Promise<unknown> | undefined;
      await tm.run(async () => {
        late = reasonOf(delay(20).then(() => add('late')));
      });
      expect(isTransactionClosedError(await late)).toBe(true);
      expect(await labels(knex)).toEqual([]);
    });

    it('a builder that leaves the function unawaited is refused outside', async () => {
      const { builder } = await tm.run(async () => ({ builder: add('late') }));
      expect(isTransactionClosedError(await reasonOf(builder.then(() => {})))).toBe(true);
      expect(await labels(knex)).toEqual([]);
    });

    it('in flight at the end it is a DanglingQueryError and a rollback', async () => {
      const reason = await reasonOf(
        tm.run(async () => {
          await add('first');
          add('second').then(
            () => {},
            () => {},
          );
        }),
      );
      expect(isDanglingQueryError(reason)).toBe(true);
      expect(await labels(knex)).toEqual([]);
    });

    it.each(['REQUIRED', 'NESTED'] as const)(
      'a %s scope inside decides for itself whether it waits for what it left behind',
      async (propagation) => {
        const leave = async () =>
          void add('dangling').then(
            () => {},
            () => {},
          );
        await tm.run(() => tm.run({ propagation, dangling: 'await' }, leave));
        expect(await labels(knex)).toEqual(['dangling']);
        const reason = await reasonOf(tm.run({ dangling: 'await' }, () => tm.run({ propagation }, leave)));
        expect(isDanglingQueryError(reason)).toBe(true);
        expect(await labels(knex)).toEqual(['dangling']);
      },
    );

    it("with dangling: 'await' it is part of the transaction, and its failure too", async () => {
      await tm.run({ dangling: 'await' }, async () => {
        add('dangling').then(
          () => {},
          () => {},
        );
      });
      expect(await labels(knex)).toEqual(['dangling']);
      const reason = await reasonOf(
        tm.run({ dangling: 'await' }, async () => {
          await add('other');
          add('dangling').then(
            () => {},
            () => {},
          );
        }),
      );
      expect(reason).toBeInstanceOf(Error);
      expect(await labels(knex)).toEqual(['dangling']);
    });

    it('an inner transaction that nobody awaits ends with the outer one', async () => {
      const reason = await reasonOf(
        tm.run(async () => {
          tm.run({ propagation: 'NESTED' }, async () => {
            await add('inner');
            await delay(50);
            await add('inner 2');
          }).catch(() => {});
          await delay(1);
        }),
      );
      expect(isDanglingQueryError(reason)).toBe(true);
      expect(await labels(knex)).toEqual([]);
      await tm.run(() => add('the connection is fine').then(() => {}));
    });
  });

  if (engine === 'sqlite')
    describe('5: REQUIRES_NEW beside the one writer', () => {
      it('plain knex waits until the pool gives up', async () => {
        const single = database.pool({ acquireConnectionTimeout: 300 });
        const reason = await reasonOf(
          single.transaction(async () => single.transaction(async (second) => second.raw('select 1'))),
        );
        expect(reason).toMatchObject({ name: 'KnexTimeoutError' });
      });

      it('tm.run refuses it at once', async () => {
        const started = performance.now();
        const reason = await reasonOf(tm.run(() => tm.run({ propagation: 'REQUIRES_NEW' }, async () => {})));
        expect(isPoolDeadlockError(reason)).toBe(true);
        expect(performance.now() - started).toBeLessThan(30_000);
        expect(knex.client.pool.numUsed()).toBe(0);
      });
    });
  else
    describe('5: REQUIRES_NEW as often as the pool is big', () => {
      it('plain knex waits until the pool gives up', async () => {
        const small = database.pool({ pool: { min: 0, max: 2 }, acquireConnectionTimeout: 300 });
        const work = () =>
          small.transaction(async (trx) => {
            await trx.raw('select 1');
            await delay(20);
            await small.transaction(async (second) => void (await second.raw('select 1')));
          });
        const ends = await Promise.allSettled([work(), work()]);
        expect(ends.filter((end) => end.status === 'rejected').length).toBeGreaterThan(0);
      });

      it.each([2, 3, 5])(
        'with a pool of %i all of them are done and no connection is leaked',
        async (max) => {
          const small = database.pool({ pool: { min: 0, max }, acquireConnectionTimeout: 30_000 });
          const tm = createTransactionManager({ name: 'small', primary: small });
          await Promise.all(
            Array.from({ length: max * 2 }, (_, index) =>
              tm.run(async () => {
                await tm.db('entry').insert({ label: `outer ${index}` });
                await tm.run({ propagation: 'REQUIRES_NEW' }, async () => {
                  await tm.db('entry').insert({ label: `inner ${index}` });
                });
              }),
            ),
          );
          expect(await labels(knex)).toHaveLength(max * 4);
          expect(small.client.pool.numUsed()).toBe(0);
          await tm.close();
        },
      );

      it('whatever mixture of depths comes at once, in one flow or in many, none waits for ever', async () => {
        const small = database.pool({ pool: { min: 0, max: 4 }, acquireConnectionTimeout: 60_000 });
        const tm = createTransactionManager({ name: 'mixture', primary: small, maxDepth: 3 });
        const levels = async (depth: number): Promise<number> => {
          await tm.db.raw('select 1');
          if (depth === 1) return 1;
          // Two at once inside the same outer transaction.
          const inner = [depth - 1, 1].map((next) =>
            tm.run({ propagation: 'REQUIRES_NEW' }, () => levels(next)),
          );
          return 1 + (await Promise.all(inner)).reduce((sum, count) => sum + count, 0);
        };
        const depths = Array.from({ length: 24 }, (_, index) => 1 + (index % 3));
        const counts = await Promise.all([
          ...depths.map((depth) => tm.run(() => levels(depth))),
          ...depths.map(() => tm.read(async () => tm.db.raw('select 1'))),
        ]);
        expect(counts.slice(0, 24)).toEqual(depths.map((depth) => 2 * depth - 1));
        expect(small.client.pool.numUsed()).toBe(0);
        await tm.close();
      });

      it('a pool of one refuses at once', async () => {
        const single = database.pool({ pool: { min: 0, max: 1 } });
        const tm = createTransactionManager({ name: 'single', primary: single });
        const reason = await reasonOf(tm.run(() => tm.run({ propagation: 'REQUIRES_NEW' }, async () => {})));
        expect(isPoolDeadlockError(reason)).toBe(true);
        await tm.run(async () => void (await tm.db.raw('select 1')));
        await tm.close();
      });

      it('a third connection in one flow needs maxDepth 3', async () => {
        const deep = (manager: TransactionManager) =>
          manager.run(() =>
            manager.run({ propagation: 'REQUIRES_NEW' }, () =>
              manager.run({ propagation: 'REQUIRES_NEW' }, async () => 'deep'),
            ),
          );
        expect(isPoolDeadlockError(await reasonOf(deep(tm)))).toBe(true);
        const deeper = createTransactionManager({ name: 'deeper', primary: knex, maxDepth: 3 });
        expect(await deep(deeper)).toBe('deep');
        await deeper.close();
      });
    });
});
