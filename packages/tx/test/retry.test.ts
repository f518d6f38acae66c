import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recordChannels } from 'kit-tooling/channels';
import { createTransactionManager, isAfterCommitError } from '../src/index.js';
import { pauseBeforeRetry } from '../src/retry.js';
import { engines, reasonOf, useDatabase } from './support/databases.js';

describe.each(engines)('concurrent work on %s', (engine) => {
  const knex = useDatabase(engine).pool();
  const tm = createTransactionManager({ name: 'accounts', primary: knex });

  beforeAll(async () => {
    await knex.schema.createTable('account', (table) => {
      table.integer('id').primary();
      table.integer('balance').notNullable();
    });
  });
  afterAll(() => tm.close());
  beforeEach(async () => {
    await knex('account').truncate();
    await knex('account').insert({ id: 1, balance: 100 });
  });

  const balance = async () => (await knex('account').where({ id: 1 }).first()).balance;
  const read = async () => (await tm.db('account').where({ id: 1 }).first()).balance as number;
  const write = async (value: number) =>
    void (await tm.db('account').where({ id: 1 }).update({ balance: value }));

  const codes = {
    postgres: { code: '40001' },
    mysql: { errno: 1213, code: 'ER_LOCK_DEADLOCK' },
    sqlite: { code: 'SQLITE_BUSY' },
  };
  /** As the server reports one. */
  const collision = () => Object.assign(new Error('collision'), codes[engine]);

  it('fifty debits of 10 on a balance of 100: 0 left, 10 successes', async () => {
    const debit = () =>
      tm.run(async () => {
        const account = await tm.db('account').where({ id: 1 }).forUpdate().first();
        if (account.balance < 10) throw new Error('insufficient');
        await write(account.balance - 10);
      });
    const ends = await Promise.allSettled(Array.from({ length: 50 }, debit));
    expect(ends.filter((end) => end.status === 'fulfilled')).toHaveLength(10);
    expect(await balance()).toBe(0);
  });

  it('twenty increments, SERIALIZABLE with retry: none is lost', async () => {
    const recorded = recordChannels('kit:tx:retried');
    const collided = Promise.withResolvers<void>();
    let reads = 0;
    const increment = () =>
      tm.run({ isolation: 'serializable', retry: { attempts: 50, baseMs: 5 } }, async () => {
        const before = await read();
        reads += 1;
        if (reads > 1) collided.resolve();
        // Two have read before either writes; SQLite's writers queue, so nothing collides there.
        if (engine !== 'sqlite') await collided.promise;
        await write(before + 1);
      });
    await Promise.all(Array.from({ length: 20 }, increment));
    recorded.stop();
    expect(await balance()).toBe(120);
    for (const { payload } of recorded.events)
      expect(payload).toEqual({ name: 'accounts', code: expect.any(String), attempt: expect.any(Number) });
    expect(recorded.events.length > 0).toBe(engine !== 'sqlite');
  });

  it('is bounded, repeats only what may succeed, and clears the hooks of each attempt', async () => {
    const collided = collision();
    const hooks: number[] = [];
    let calls = 0;
    const value = await tm.run({ retry: { attempts: 3, baseMs: 1 } }, async () => {
      calls += 1;
      const attempt = calls;
      tm.afterCommit(() => hooks.push(attempt));
      if (calls < 3) throw new Error('wrapped', { cause: collided });
      return 'third time';
    });
    expect({ value, calls, hooks }).toEqual({ value: 'third time', calls: 3, hooks: [3] });

    calls = 0;
    const failing = (options: object, error: unknown) =>
      reasonOf(
        tm.run(options, async () => {
          calls += 1;
          throw error;
        }),
      );
    expect(await failing({ retry: { attempts: 4, baseMs: 0 } }, collided)).toBe(collided);
    expect(calls).toBe(4);
    calls = 0;
    await failing({ retry: { attempts: 4 } }, new Error('no collision'));
    await failing({}, collided);
    expect(calls).toBe(2);
  });

  it('repeats nothing that is committed, whatever error went with it', async () => {
    let calls = 0;
    const reason = await reasonOf(
      tm.run({ retry: { attempts: 3, baseMs: 1 }, noRollbackFor: ['Error'] }, async () => {
        calls += 1;
        await write((await read()) + 1);
        throw collision();
      }),
    );
    expect(reason).toMatchObject({ message: 'collision' });
    expect(calls).toBe(1);
    expect(await balance()).toBe(101);
  });

  it('ends with its signal, also in the pause between two attempts', async () => {
    const controller = new AbortController();
    const why = new Error('shutting down');
    const stop = () => controller.abort(why);
    subscribe('kit:tx:retried', stop);
    const hooks: number[] = [];
    let calls = 0;
    const reason = await reasonOf(
      tm.run({ retry: { attempts: 3, baseMs: 1_000 }, signal: controller.signal }, async () => {
        calls += 1;
        const attempt = calls;
        tm.afterRollback(() => hooks.push(attempt));
        await write(0);
        throw collision();
      }),
    );
    unsubscribe('kit:tx:retried', stop);
    expect(reason).toBe(why);
    expect({ calls, hooks }).toEqual({ calls: 1, hooks: [1] });
    expect(await balance()).toBe(100);
  });

  if (engine !== 'sqlite')
    it('repeats nothing after a hook of a transaction inside has failed, although that has a cause to', async () => {
      let calls = 0;
      const reason = await reasonOf(
        tm.run({ retry: { attempts: 3, baseMs: 1 } }, async () => {
          calls += 1;
          await tm.run({ propagation: 'REQUIRES_NEW' }, async () => {
            tm.afterCommit(() => Promise.reject(collision()));
            await write((await read()) + 1);
          });
        }),
      );
      expect(isAfterCommitError(reason)).toBe(true);
      expect(calls).toBe(1);
      expect(await balance()).toBe(101);
    });

  it('happens at the outermost scope only', async () => {
    const collided = collision();
    let inner = 0;
    const reason = await reasonOf(
      tm.run(() =>
        tm.run({ retry: { attempts: 5 } }, async () => {
          inner += 1;
          throw collided;
        }),
      ),
    );
    expect(reason).toBe(collided);
    expect(inner).toBe(1);
  });

  if (engine !== 'sqlite')
    it('a swallowed deadlock is repeated too', async () => {
      await knex('account').insert({ id: 2, balance: 0 });
      const touch = (id: number) => tm.db('account').where({ id }).increment('balance', 1);
      let deadlocks = 0;
      let holders = 0;
      const bothHold = Promise.withResolvers<void>();
      const cross = (first: number, second: number) =>
        tm.run({ retry: { attempts: 10, baseMs: 20 } }, async () => {
          await touch(first);
          holders += 1;
          if (holders === 2) bothHold.resolve();
          await bothHold.promise;
          await touch(second).then(
            () => {},
            () => void (deadlocks += 1),
          );
        });
      await Promise.all([cross(1, 2), cross(2, 1)]);
      expect(deadlocks).toBeGreaterThan(0);
      expect(await balance()).toBe(102);
    });
});

it('a pause that is cut short leaves no timer that keeps the process alive', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((what) => what === 'Timeout').length;
  const before = timers();
  const pause = pauseBeforeRetry({ attempts: 2, baseMs: 5_000 }, 1, Promise.reject(new Error('aborted')));
  const during = timers();
  await expect(pause).rejects.toThrow('aborted');
  expect([during, timers()]).toEqual([before + 1, before]);
});
