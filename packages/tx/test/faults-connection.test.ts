import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recordChannels } from 'kit-tooling/channels';
import { createTransactionManager, isCommitOutcomeUnknownError } from '../src/index.js';
import { connectionTo, labels, reasonOf, servers, useEntries } from './support/databases.js';
import { startProxy, type TcpProxy } from './support/tcp-proxy.js';

/** The seventh and eighth fault of the design page; see faults.test.ts. SQLite has no connection to lose. */
describe.each(servers)('the faults of plain knex on %s', (engine) => {
  const { database, knex: direct } = useEntries(engine);

  describe('7: a ROLLBACK that takes longer than 5 s', () => {
    const sleep = (seconds: number) => `select ${engine === 'postgres' ? 'pg_sleep' : 'sleep'}(${seconds})`;

    it('plain knex gives the busy connection back, and the next borrower waits for what is not its own', async () => {
      const single = database.pool({ pool: { min: 0, max: 1 } });
      await reasonOf(
        single.transaction(async (trx) => {
          void reasonOf(trx.raw(sleep(10)));
          await delay(50);
          throw new Error('roll back');
        }),
      );
      const started = performance.now();
      await single.raw('select 1');
      expect(performance.now() - started).toBeGreaterThan(500);
    });

    it('tm.run cancels the statement, and the next borrower waits for nothing', async () => {
      const single = database.pool({ pool: { min: 0, max: 1 } });
      const tm = createTransactionManager({ name: 'busy', primary: single });
      const started = performance.now();
      const reason = await reasonOf(
        tm.run(async () => {
          await tm.db('entry').insert({ label: 'undone' });
          await Promise.all([
            tm.db.raw(sleep(90)).then(() => {}),
            delay(50).then(() => Promise.reject(new Error('roll back'))),
          ]);
        }),
      );
      expect(reason).toMatchObject({ message: 'roll back' });
      await tm.run(async () => void (await tm.db('entry').insert({ label: 'next' })));
      expect(performance.now() - started).toBeLessThan(60_000);
      expect(await labels(direct)).toEqual(['next']);
      await tm.close();
    });
  });

  describe('8: a connection that is cut during COMMIT', () => {
    let proxy: TcpProxy;
    let port: number;
    const knex = database.pool({
      connection: () => connectionTo(database.url, port),
      pool: { min: 0, max: 3 },
    });
    const tm = createTransactionManager({ name: 'cut', primary: knex });

    beforeAll(async () => {
      // Connections that were made before `cutOn` are cut too: the statement text decides.
      proxy = await startProxy(Number(new URL(database.url).port));
      ({ port } = proxy);
      return async () => {
        await tm.close();
        await knex.destroy();
        await proxy.close();
      };
    });
    beforeEach(async () => void (await knex.raw('select 1')));
    afterEach(() => proxy.cutOn(undefined));

    const moments = ['before', 'after'] as const;

    it('plain knex says the same whether or not the row is there: a connection error', async () => {
      const said: unknown[] = [];
      for (const when of moments) {
        proxy.cutOn('commit', when);
        const reason = await reasonOf(
          knex.transaction(async (trx) => void (await trx('entry').insert({ label: when }))),
        );
        expect(reason).toBeInstanceOf(Error);
        expect(isCommitOutcomeUnknownError(reason)).toBe(false);
        const { name, message, code } = reason as Error & { code?: string };
        said.push({ name, message, code });
      }
      expect(said[0]).toEqual(said[1]);
      await expect.poll(() => labels(direct)).toEqual(['after']);
    });

    it('so who repeats after a connection error, with plain knex, does it twice', async () => {
      const pay = () => knex.transaction(async (trx) => void (await trx('entry').insert({ amount: 10 })));
      proxy.cutOn('commit', 'after');
      expect(await reasonOf(pay())).toBeInstanceOf(Error);
      proxy.cutOn(undefined);
      await pay();
      await expect.poll(() => direct('entry').pluck('amount')).toEqual([10, 10]);
    });

    it.each(moments)(
      'cut %s the server has it, tm.run says that nobody knows, runs no hook and repeats nothing',
      async (when) => {
        proxy.cutOn('commit', when);
        const recorded = recordChannels('kit:tx:settled');
        const hooks: string[] = [];
        let calls = 0;
        const reason = await reasonOf(
          tm.run({ retry: { attempts: 3 } }, async () => {
            calls += 1;
            tm.afterCommit(() => hooks.push('commit'));
            tm.afterRollback(() => hooks.push('rollback'));
            await tm.db('entry').insert({ label: 'maybe' });
          }),
        );
        recorded.stop();
        expect(isCommitOutcomeUnknownError(reason)).toBe(true);
        expect((reason as Error).cause).toBeInstanceOf(Error);
        expect({ hooks, calls }).toEqual({ hooks: [], calls: 1 });
        expect(recorded.events[0]?.payload).toMatchObject({ outcome: 'unknown', attempts: 1, name: 'cut' });
        // Both happen in the field; that is why the error does not say which.
        await expect.poll(() => labels(direct)).toEqual(when === 'after' ? ['maybe'] : []);
        proxy.cutOn(undefined);
        await tm.run(async () => void (await tm.db('entry').insert({ label: 'next' })));
        expect(knex.client.pool.numUsed()).toBe(0);
      },
    );
  });
});
