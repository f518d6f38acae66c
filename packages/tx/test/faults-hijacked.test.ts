import type { Knex } from 'knex';
import { describe, expect, it } from 'vitest';
import { isTransactionHijackedError, isUnexpectedRollbackError } from '../src/index.js';
import { engines, labels, reasonOf, useEntries } from './support/databases.js';

/** The sixth fault of the design page; the others are in faults.test.ts. */
describe.each(engines)('the faults of plain knex on %s', (engine) => {
  const { knex, tm } = useEntries(engine, { name: 'faults' });

  const add = (label: string) => tm.db('entry').insert({ label });
  /** What a library does that was handed the driver's own connection. */
  const commitByDriver = async () => {
    const connection = await (tm.db as unknown as Knex).client.acquireConnection();
    if (engine === 'sqlite') connection.exec('COMMIT');
    else if (engine === 'postgres') await connection.query('COMMIT');
    else await connection.promise().query('COMMIT');
  };

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

    it('one that nobody here saw is noticed at the next statement, and nothing follows it', async () => {
      const said: unknown[] = [];
      const reason = await reasonOf(
        tm.run(async () => {
          await add('before');
          await commitByDriver();
          said.push(await reasonOf(add('noticed').then(() => {})));
          said.push(await reasonOf(add('never').then(() => {})));
          said.push(await reasonOf(tm.run({ propagation: 'NESTED' }, () => add('never').then(() => {}))));
          said.push(await reasonOf(tm.run(() => add('never').then(() => {}))));
        }),
      );
      expect(said).toHaveLength(4);
      for (const error of [...said, reason]) expect(isTransactionHijackedError(error)).toBe(true);
      expect(await labels(knex)).toEqual(['before', 'noticed']);
      expect(knex.client.pool.numUsed()).toBe(0);
    });

    if (engine !== 'mysql')
      it('one that nobody here saw is noticed at the end, too', async () => {
        const hooks: string[] = [];
        const reason = await reasonOf(
          tm.run(async () => {
            tm.afterCommit(() => hooks.push('commit'));
            await add('before');
            await commitByDriver();
          }),
        );
        expect(isUnexpectedRollbackError(reason)).toBe(true);
        expect(hooks).toEqual([]);
        await tm.run(() => add('next').then(() => {}));
        expect(await labels(knex)).toEqual(['before', 'next']);
      });

    if (engine === 'postgres')
      it('what only looks like an escape string hides no COMMIT', async () => {
        const sql = String.raw`select name''; COMMIT; --'`;
        const reason = await reasonOf(
          tm.run(async () => {
            await add('undone');
            await tm.db.raw(sql);
          }),
        );
        expect((reason as Error).message).toMatch(/so it was not sent/);
        expect(await labels(knex)).toEqual([]);
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
