import { describe, expect, it } from 'vitest';
import { createTransactionManager, isPropagationError, type RunOptions } from '../src/index.js';
import { engines, labels, reasonOf, useEntries } from './support/databases.js';

/** The ninth fault of the design page; see faults.test.ts. */
describe.each(engines)('9: an inner transaction with other wishes on %s', (engine) => {
  const { database, knex, tm, add } = useEntries(engine);

  describe('plain knex', () => {
    it('takes readOnly on a nested transaction, and writes in it', async () => {
      await knex.transaction((outer) =>
        outer.transaction(async (inner) => void (await inner('entry').insert({ label: 'written' })), {
          readOnly: true,
        }),
      );
      expect(await labels(knex)).toEqual(['written']);
    });

    if (engine === 'postgres')
      it('takes isolationLevel on a nested transaction, and runs it at the outer one’s', async () => {
        const level = await knex.transaction(
          (outer) =>
            outer.transaction(
              async (inner) =>
                (await inner.raw('show transaction_isolation')).rows[0].transaction_isolation as string,
              { isolationLevel: 'serializable' },
            ),
          { isolationLevel: 'read committed' },
        );
        expect(level).toBe('read committed');
      });

    if (engine !== 'sqlite')
      it('so what was wished to be a snapshot sees what others commit meanwhile', async () => {
        const seen = await knex.transaction(
          (outer) =>
            outer.transaction(
              async (inner) => {
                const before = await inner('entry').pluck('label');
                await knex('entry').insert({ label: 'of somebody else' });
                return [before, await inner('entry').pluck('label')];
              },
              { isolationLevel: 'repeatable read' },
            ),
          { isolationLevel: 'read committed' },
        );
        expect(seen).toEqual([[], ['of somebody else']]);
      });

    it('resolves a nested transaction as if it were durable, and the outer one undoes it', async () => {
      let told = false;
      await knex
        .transaction(async (outer) => {
          await outer.transaction(async (inner) => void (await inner('entry').insert({ label: 'durable?' })));
          told = true;
          throw new Error('roll back');
        })
        .catch(() => {});
      expect(told).toBe(true);
      expect(await labels(knex)).toEqual([]);
    });
  });

  describe('tm.run', () => {
    const other = engine === 'sqlite' ? [] : (['REQUIRED', 'NESTED', 'SUPPORTS', 'MANDATORY'] as const);
    it.each<RunOptions>([
      { readOnly: true },
      { readOnly: true, propagation: 'NESTED' },
      { readOnly: true, snapshot: true },
      { durable: true },
      { durable: true, propagation: 'NESTED' },
      { durable: true, propagation: 'REQUIRES_NEW' },
      ...other.map((propagation): RunOptions => ({ propagation, isolation: 'serializable' })),
    ])('refuses %j inside, before anything of it runs', async (options) => {
      let ran = false;
      await tm.run(async () => {
        await add('outer');
        const reason = await reasonOf(tm.run(options, async () => void (ran = true)));
        expect(isPropagationError(reason)).toBe(true);
      });
      expect(ran).toBe(false);
      expect(await labels(knex)).toEqual(['outer']);
    });

    it('refuses a snapshot inside a transaction of another isolation', async () => {
      const isolation = 'serializable';
      const reason = await reasonOf(tm.run({ isolation }, () => tm.read({ snapshot: true }, async () => {})));
      expect(isPropagationError(reason)).toBe(true);
    });

    it('takes the isolation that is there already, and durable outermost', async () => {
      await tm.run({ isolation: 'serializable', durable: true }, () =>
        tm.run({ isolation: 'serializable' }, () => add('joined')),
      );
      expect(await labels(knex)).toEqual(['joined']);
    });

    if (engine !== 'sqlite')
      it('compares with what the server begins with by itself, also where that is not the usual level', async () => {
        const [own, usual] =
          engine === 'postgres'
            ? (['repeatable read', 'read committed'] as const)
            : (['read committed', 'repeatable read'] as const);
        const setting =
          engine === 'postgres'
            ? `SET default_transaction_isolation = '${own}'`
            : `SET SESSION TRANSACTION ISOLATION LEVEL ${own}`;
        const tuned = database.pool({
          pool: {
            min: 0,
            max: 1,
            afterCreate: (
              connection: { query(sql: string, done: (error?: Error) => void): void },
              done: (error: Error | undefined, connection: unknown) => void,
            ) => connection.query(setting, (error) => done(error ?? undefined, connection)),
          },
        });
        await using other = createTransactionManager({ name: 'tuned', primary: tuned });
        await other.run(async () => {
          for (const propagation of ['REQUIRED', 'NESTED'] as const) {
            await other.run({ propagation, isolation: own }, () =>
              other.db('entry').insert({ label: propagation }),
            );
            const reason = await reasonOf(other.run({ propagation, isolation: usual }, async () => {}));
            expect(reason).toMatchObject({
              code: 'KIT_TX_PROPAGATION',
              message: expect.stringContaining(
                `isolation ${usual} cannot join the transaction of "tuned", which runs at ${own}`,
              ),
            });
          }
        });
        expect(await labels(knex)).toEqual(['REQUIRED', 'NESTED']);
      });

    if (engine !== 'sqlite')
      it('gives REQUIRES_NEW the isolation it asks for', async () => {
        const seen = await tm.run({ isolation: 'read committed' }, () =>
          tm.run({ propagation: 'REQUIRES_NEW', isolation: 'repeatable read' }, async () => {
            const before = await tm.db('entry').pluck('label');
            await knex('entry').insert({ label: 'of somebody else' });
            return [before, await tm.db('entry').pluck('label')];
          }),
        );
        expect(seen).toEqual([[], []]);
      });
  });
});
