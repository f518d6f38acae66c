import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recordChannels } from 'kit-tooling/channels';
import { createTransactionManager } from '../src/index.js';
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
    const codes = {
      postgres: { code: '40001' },
      mysql: { errno: 1213, code: 'ER_LOCK_DEADLOCK' },
      sqlite: { code: 'SQLITE_BUSY' },
    };
    const collision = Object.assign(new Error('collision'), codes[engine]);
    const hooks: number[] = [];
    let calls = 0;
    const value = await tm.run({ retry: { attempts: 3, baseMs: 1 } }, async () => {
      calls += 1;
      const attempt = calls;
      tm.afterCommit(() => hooks.push(attempt));
      if (calls < 3) throw new Error('wrapped', { cause: collision });
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
    expect(await failing({ retry: { attempts: 4, baseMs: 0 } }, collision)).toBe(collision);
    expect(calls).toBe(4);
    calls = 0;
    await failing({ retry: { attempts: 4 } }, new Error('no collision'));
    await failing({}, collision);
    expect(calls).toBe(2);
  });

  it('happens at the outermost scope only', async () => {
    const collision = Object.assign(new Error('collision'), { code: '40001', errno: 1213 });
    let inner = 0;
    const reason = await reasonOf(
      tm.run(() =>
        tm.run({ retry: { attempts: 5 } }, async () => {
          inner += 1;
          throw collision;
        }),
      ),
    );
    expect(reason).toBe(collision);
    expect(inner).toBe(1);
  });

  if (engine !== 'sqlite')
    it('a swallowed deadlock is repeated too', async () => {
      await knex('account').insert({ id: 2, balance: 0 });
      const touch = (id: number) => tm.db('account').where({ id }).increment('balance', 1);
      let deadlocks = 0;
      const cross = (first: number, second: number) =>
        tm.run({ retry: { attempts: 10, baseMs: 20 } }, async () => {
          await touch(first);
          await delay(100);
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
