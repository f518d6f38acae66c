import { describe, expect, it } from 'vitest';
import { isTransactionHijackedError } from '../src/index.js';
import { engines, labels, reasonOf, useEntries } from './support/databases.js';

/** The sixth fault of the design page; the others are in faults.test.ts. */
describe.each(engines)('the faults of plain knex on %s', (engine) => {
  const { knex, tm } = useEntries(engine, { name: 'faults' });

  const add = (label: string) => tm.db('entry').insert({ label });

  describe('6: SQL that ends the transaction', () => {
    it('plain knex believes its rollback undid what a raw COMMIT kept', async () => {
      await knex
        .transaction(async (trx) => {
          await trx('entry').insert({ label: 'committed' });
          await trx.raw('COMMIT');
          throw new Error('roll back');
        })
        .catch(() => {});
      expect(await labels(knex)).toEqual(['committed']);
    });

    const enders = [
      'COMMIT',
      '  commit ;',
      '/* why */ ROLLBACK',
      '-- why\nrollback',
      'BEGIN',
      'SAVEPOINT mine',
      'release savepoint mine',
      ...(engine === 'postgres' ? ['select 1; COMMIT', 'ABORT', 'END', "PREPARE TRANSACTION 'x'"] : []),
      ...(engine === 'mysql'
        ? [
            'START TRANSACTION',
            '/*!40000 COMMIT */',
            'SET autocommit = 1',
            'CREATE TABLE other (id int)',
            'drop table entry',
            'TRUNCATE TABLE entry',
            'LOCK TABLES entry WRITE',
            "XA START 'x'",
          ]
        : []),
    ];
    it.each(enders)('%j is refused before it is sent', async (sql) => {
      const reason = await reasonOf(
        tm.run(async () => {
          await add('kept');
          await tm.db.raw(sql);
        }),
      );
      expect(isTransactionHijackedError(reason)).toBe(true);
      expect(await labels(knex)).toEqual([]);
    });

    it.each(['COMMIT', 'BEGIN'])('%s on tm.db outside is refused too', async (sql) =>
      expect(isTransactionHijackedError(await reasonOf(tm.db.raw(sql).then(() => {})))).toBe(true),
    );

    it('text that only mentions COMMIT passes', async () => {
      await tm.run(async () => {
        await tm.db.raw("select 'x; COMMIT'");
        await tm.db.raw('/* commit */ select 1 as "commit"');
        await add('commit; rollback');
      });
      expect(await labels(knex)).toEqual(['commit; rollback']);
    });

    if (engine === 'mysql')
      it('a procedure that commits is noticed, and nothing follows it', async () => {
        await knex.raw('drop procedure if exists sneaky');
        await knex.raw('create procedure sneaky() begin commit; end');
        let later: unknown;
        const reason = await reasonOf(
          tm.run(async () => {
            await add('committed by the procedure');
            await reasonOf(tm.db.raw('call sneaky()').then(() => {}));
            later = await reasonOf(add('after').then(() => {}));
          }),
        );
        expect(isTransactionHijackedError(later)).toBe(true);
        expect(isTransactionHijackedError(reason)).toBe(true);
        expect(await labels(knex)).toEqual(['committed by the procedure']);
      });
  });
});
