import { setTimeout as delay } from 'node:timers/promises';
import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recordChannels } from 'kit-tooling/channels';
import {
  createTransactionManager,
  isUnexpectedRollbackError,
  type Isolation,
  type TransactionManager,
} from '../src/index.js';
import { engines, openDatabase, servers, type TestDatabase } from './support/databases.js';

const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );

describe.each(engines)('concurrent work on %s', (engine) => {
  let database: TestDatabase;
  let knex: Knex;
  let tm: TransactionManager;

  beforeAll(async () => {
    database = await openDatabase(engine);
    knex = database.pool();
    await knex.schema.createTable('account', (table) => {
      table.integer('id').primary();
      table.integer('balance').notNullable();
    });
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await knex('account').truncate();
    await knex('account').insert({ id: 1, balance: 100 });
    tm = createTransactionManager({ name: 'accounts', primary: knex });
    return () => tm.close();
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

/** After https://github.com/ept/hermitage: what each level lets through. Two flows, step by step. */
describe.each(servers)('anomalies on %s', (engine) => {
  let database: TestDatabase;
  let knex: Knex;
  let tm: TransactionManager;

  beforeAll(async () => {
    database = await openDatabase(engine);
    knex = database.pool();
    await knex.schema.createTable('test', (table) => {
      table.integer('id').primary();
      table.integer('value').notNullable();
    });
    tm = createTransactionManager({ name: 'hermitage', primary: knex });
  });
  afterAll(async () => {
    await tm.close();
    await database.close();
  });
  beforeEach(async () => {
    await knex('test').truncate();
    await knex('test').insert([
      { id: 1, value: 10 },
      { id: 2, value: 20 },
    ]);
  });

  const value = async (id: number) => (await tm.db('test').where({ id }).first()).value as number;
  const set = async (id: number, to: number) =>
    void (await tm.db('test').where({ id }).update({ value: to }));

  const levels: Isolation[] = ['read uncommitted', 'read committed', 'repeatable read', 'serializable'];

  it.each(levels)('G1a aborted read at %s', async (isolation) => {
    const dirty = engine === 'mysql' && isolation === 'read uncommitted';
    let seen = 0;
    const written = Promise.withResolvers<void>();
    const looked = Promise.withResolvers<void>();
    const writer = reasonOf(
      tm.run(async () => {
        await set(1, 101);
        written.resolve();
        await looked.promise;
        throw new Error('roll back');
      }),
    );
    await written.promise;
    const reader = tm.run({ isolation }, async () => {
      // InnoDB's SERIALIZABLE reads wait for the writer instead.
      if (engine === 'mysql' && isolation === 'serializable') setTimeout(looked.resolve, 50);
      seen = await value(1);
    });
    await reader.finally(() => looked.resolve());
    await writer;
    expect(seen).toBe(dirty ? 101 : 10);
  });

  it.each(levels.slice(1))('read skew (G-single) at %s', async (isolation) => {
    let second = 0;
    await tm.run({ isolation }, async () => {
      await value(1);
      const other = tm.run(
        { propagation: 'REQUIRES_NEW', isolation: 'read committed', timeoutMs: 300 },
        async () => {
          await set(1, 12);
          await set(2, 18);
        },
      );
      const refused = await reasonOf(other);
      second = await value(2);
      // InnoDB's SERIALIZABLE locks what it reads, so only there may the other one be refused.
      if (!(engine === 'mysql' && isolation === 'serializable') && refused !== undefined) throw refused;
    });
    expect(second).toBe(isolation === 'read committed' ? 18 : 20);
  });

  it.each(levels.slice(1))('lost update (P4) at %s', async (isolation) => {
    const add = async (amount: number) =>
      tm.run({ isolation }, async () => {
        const before = await value(1);
        await delay(60);
        await set(1, before + amount);
      });
    const ends = await Promise.allSettled([add(1), add(2)]);
    const failed = ends.filter((end) => end.status === 'rejected').length;
    // PostgreSQL detects it from REPEATABLE READ on, InnoDB at SERIALIZABLE only (MariaDB's innodb_snapshot_isolation off).
    const prevented =
      isolation === 'serializable' || (engine === 'postgres' && isolation === 'repeatable read');
    expect(failed).toBe(prevented ? 1 : 0);
  });

  it.each(levels.slice(1))('write skew (G2-item) at %s', async (isolation) => {
    const give = async (id: number) =>
      tm.run({ isolation }, async () => {
        if ((await value(1)) + (await value(2)) < 30) return;
        await delay(60);
        await set(id, -10);
      });
    const ends = await Promise.allSettled([give(1), give(2)]);
    expect(ends.filter((end) => end.status === 'rejected').length).toBe(isolation === 'serializable' ? 1 : 0);
  });

  it('a deferred constraint that fails at COMMIT rejects, with afterRollback only', async () => {
    if (engine === 'postgres') {
      await knex.raw('create table parent (id int primary key)');
      await knex.raw('create table child (id int references parent deferrable initially deferred)');
    } else {
      // MySQL has no deferred constraints: the nearest is a constraint that fails at once and is not swallowed.
      await knex.raw('create table parent (id int primary key) engine=innodb');
      await knex.raw('create table child (id int, foreign key (id) references parent (id)) engine=innodb');
    }
    const hooks: string[] = [];
    const reason = await reasonOf(
      tm.run(async () => {
        tm.afterCommit(() => hooks.push('commit'));
        tm.afterRollback(() => hooks.push('rollback'));
        await tm.db('child').insert({ id: 99 });
      }),
    );
    expect(isUnexpectedRollbackError(reason)).toBe(false);
    expect(reason).toMatchObject(engine === 'postgres' ? { code: '23503' } : { errno: 1452 });
    expect(hooks).toEqual(['rollback']);
    expect(await knex('child')).toEqual([]);
  });
});
