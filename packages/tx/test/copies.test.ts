import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import * as esm from '../src/index.js';
import { engines, labels, openDatabase, resetEntries, type TestDatabase } from './support/databases.js';

/** The package a second time, as a CommonJS copy is beside the ESM one. */
async function secondCopy(): Promise<typeof esm> {
  vi.resetModules();
  return import('../src/index.js');
}

describe.each(engines)('two copies of the package on %s', (engine) => {
  let database: TestDatabase;
  let knex: Knex;
  let tm: esm.TransactionManager;
  let cjs: typeof esm;

  beforeAll(async () => {
    database = await openDatabase(engine);
    knex = database.pool();
    cjs = await secondCopy();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await resetEntries(knex);
    tm = esm.createTransactionManager({ name: 'copies', primary: knex });
    return () => tm.close();
  });

  it('are two', () => expect(cjs.createTransactionManager).not.toBe(esm.createTransactionManager));

  it('a manager of one is a manager for the other', async () => {
    await esm.migrateTx(knex);
    const test = await cjs.createTestTransaction(tm);
    const ran: string[] = [];
    await tm.run(async () => {
      tm.afterCommit(() => ran.push('hook'));
      await tm.db('entry').insert({ label: 'undone' });
    });
    await test.drainHooks();
    await test.rollback();
    expect(ran).toEqual(['hook']);
    expect(await labels(knex)).toEqual([]);

    const saga = cjs.defineSaga({
      name: 'copies',
      version: 1,
      input: { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } },
      steps: [cjs.local('row', async () => void (await tm.db('entry').insert({ label: 'by the saga' })))],
    });
    const runner = cjs.createSagaRunner(tm, { sagas: [saga] });
    expect(await runner.start(saga, {})).toMatchObject({ status: 'completed' });
    await runner.close();
    const relay = cjs.createOutboxRelay(tm, { publish: async () => {} });
    await relay.close();
    expect(await labels(knex)).toEqual(['by the saga']);
  });

  it('share the transaction, and their savepoints do not collide', async () => {
    const other = cjs.createTransactionManager({ name: 'copies of the other', primary: knex });
    await tm.run(async () => {
      await tm.run({ propagation: 'NESTED' }, async () => {
        await tm.db('entry').insert({ label: 'outer' });
        await other
          .run({ propagation: 'NESTED' }, async () => {
            await other.db('entry').insert({ label: 'inner' });
            throw new Error('only the inner one');
          })
          .catch(() => {});
        await other.run({ propagation: 'NESTED' }, async () => {});
      });
    });
    expect(await labels(knex)).toEqual(['outer']);
    await other.close();
  });

  it('know each other’s errors and managers by name', async () => {
    const reason = await tm.run({ propagation: 'MANDATORY' }, async () => {}).catch((error) => error);
    expect(cjs.isPropagationError(reason)).toBe(true);
    class Service {
      @cjs.Transactional({ manager: 'copies' })
      async active() {
        return tm.isActive();
      }
    }
    expect(await new Service().active()).toBe(true);
  });

  it('what is no manager is refused by name', async () => {
    await expect(cjs.createTestTransaction({} as never)).rejects.toThrow(
      'manager must come from createTransactionManager, got an object',
    );
    await expect(cjs.createTestTransaction(undefined as never)).rejects.toThrow(
      'manager must come from createTransactionManager, got undefined',
    );
  });

  it('the brand is not enumerable', () => expect(JSON.stringify(Object.keys(tm))).not.toContain('core'));
});
