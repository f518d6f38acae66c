import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  createTransactionManager,
  isCommitOutcomeUnknownError,
  isTransactionTimeoutError,
  isUnexpectedRollbackError,
  type TransactionManager,
} from '../src/index.js';
import { connectionTo, labels, reasonOf, servers, useEntries } from './support/databases.js';
import { startProxy, type TcpProxy } from './support/tcp-proxy.js';

/** SQLite has no connection to lose. */
describe.each(servers)('connections that fail, on %s', (engine) => {
  const { database, knex: direct } = useEntries(engine);
  let proxy: TcpProxy;
  let knex: typeof direct;
  let tm: TransactionManager;

  beforeEach(async () => {
    proxy = await startProxy(Number(new URL(database.url).port));
    knex = database.pool({
      connection: connectionTo(database.url, proxy.port),
      pool: { min: 0, max: 3 },
    });
    tm = createTransactionManager({ name: 'cut', primary: knex });
    return async () => {
      await tm.close();
      await knex.destroy();
      await proxy.close();
    };
  });

  const add = async (label: string) => void (await tm.db('entry').insert({ label }));
  const sleep = () => tm.db.raw(engine === 'postgres' ? 'select pg_sleep(90)' : 'select sleep(90)');
  /** Nothing is leaked, and whoever comes next gets a connection that works. */
  const expectRecovery = async (rows: string[]) => {
    await expect.poll(() => knex.client.pool.numUsed()).toBe(0);
    await tm.run(() => add('next'));
    expect(await labels(direct)).toEqual([...rows, 'next']);
  };

  it('cut in the middle: a swallowed failure is no commit, and the pool recovers', async () => {
    const reason = await reasonOf(
      tm.run(async () => {
        await add('lost');
        proxy.cutAll();
        await delay(20);
        await reasonOf(add('lost too'));
      }),
    );
    expect(isUnexpectedRollbackError(reason)).toBe(true);
    await expectRecovery([]);
  });

  it('cut while nothing ran: COMMIT is not even tried, and the error says what became of the transaction', async () => {
    const reason = await reasonOf(
      tm.run(async () => {
        await add('lost');
        proxy.cutAll();
        // Many turns of the event loop, not one long wait: a process that stood still has to hear of the cut first.
        for (let turn = 0; turn < 10; turn += 1) await delay(5);
      }),
    );
    expect(isUnexpectedRollbackError(reason)).toBe(true);
    expect((reason as Error).message).toMatch(/is gone: the server or the connection ended it before COMMIT/);
    expect(String((reason as Error).cause)).toMatch(/connection/i);
    await expectRecovery([]);
  });

  it('cut at the BEGIN: the error reaches the caller, and nothing is left of the connection', async () => {
    await add('warm');
    proxy.cutOn(engine === 'postgres' ? 'begin' : 'start transaction');
    let ran = false;
    expect(await reasonOf(tm.run(async () => void (ran = true)))).toBeInstanceOf(Error);
    expect(ran).toBe(false);
    proxy.cutOn(undefined);
    await expectRecovery(['warm']);
  });

  it('cut at the end of a nested scope: nobody can tell what is in the transaction, so nothing of it is kept', async () => {
    proxy.cutOn('release savepoint');
    let inner: unknown;
    const outer = await reasonOf(
      tm.run(async () => {
        await add('outer');
        inner = await reasonOf(tm.run({ propagation: 'NESTED' }, () => add('inner')));
      }),
    );
    expect(inner).toBeInstanceOf(Error);
    expect(isUnexpectedRollbackError(outer)).toBe(true);
    proxy.cutOn(undefined);
    await expectRecovery([]);
  });

  it.each<[string, (fn: () => Promise<void>) => Promise<unknown>]>([
    ['tm.run', (fn) => tm.run(fn)],
    ['tm.read', (fn) => tm.read(fn)],
    ['no scope', (fn) => fn()],
  ])('cut under a stream, in %s: whoever reads it hears of that', async (_where, scope) => {
    await direct('entry').insert(Array.from({ length: 500 }, (_, index) => ({ label: `${index}` })));
    let rows = 0;
    const reason = await reasonOf(
      scope(async () => {
        for await (const row of tm.db('entry').stream({ highWaterMark: 4 })) {
          expect(row.amount).toBe(0);
          rows += 1;
          if (rows === 1) proxy.cutAll();
        }
      }),
    );
    // MariaDB sends all at once: what had come before the cut may be read to its end.
    expect(reason instanceof Error || (engine === 'mysql' && rows === 500)).toBe(true);
    proxy.cutOn('from');
    expect(
      await reasonOf(
        scope(async () => {
          for await (const row of tm.db('entry').stream()) expect.unreachable(row);
        }),
      ),
    ).toBeInstanceOf(Error);
    proxy.cutOn(undefined);
    await direct('entry').del();
    await expectRecovery([]);
  });

  it('a statement beyond timeoutMs is cancelled in time, and the next borrower is unaffected', async () => {
    const single = database.pool({ pool: { min: 0, max: 1 } });
    const manager = createTransactionManager({ name: 'slow', primary: single, maxDepth: 1 });
    const started = performance.now();
    const reason = await reasonOf(
      manager.run({ timeoutMs: 1_000 }, async () => {
        await manager.db('entry').insert({ label: 'slow' });
        await manager.db.raw(engine === 'postgres' ? 'select pg_sleep(90)' : 'select sleep(90)');
      }),
    );
    expect(isTransactionTimeoutError(reason)).toBe(true);
    expect(performance.now() - started).toBeLessThan(60_000);
    for (let round = 0; round < 5; round += 1)
      await manager.run(async () => void (await manager.db('entry').insert({ label: `next ${round}` })));
    const setting =
      engine === 'postgres' ? "current_setting('statement_timeout')" : '@@session.max_statement_time';
    const row = await manager.read(() => manager.db.select(manager.db.raw(`${setting} as value`)).first());
    expect(Number(row.value)).toBe(0);
    expect(await labels(direct)).toHaveLength(5);
    await manager.close();
    await single.destroy();
  });

  it('a function that waits for something else is timed out too, and its late statement is refused', async () => {
    let late: Promise<unknown> | undefined;
    const reason = await reasonOf(
      tm.run({ timeoutMs: 1_000 }, async () => {
        await add('early');
        late = delay(1_500).then(() => reasonOf(add('late')));
        await late;
      }),
    );
    expect(isTransactionTimeoutError(reason)).toBe(true);
    expect(await late).toBeInstanceOf(Error);
    expect(await labels(direct)).toEqual([]);
  });

  it('a timeout is no error that noRollbackFor can spare', async () => {
    const reason = await reasonOf(
      tm.run({ timeoutMs: 300, noRollbackFor: () => true }, async () => {
        await add('undone');
        await new Promise(() => {});
      }),
    );
    expect(isTransactionTimeoutError(reason)).toBe(true);
    await expectRecovery([]);
  });

  it("dangling: 'await' waits no longer than timeoutMs", async () => {
    const reason = await reasonOf(
      tm.run({ dangling: 'await', timeoutMs: 1_000 }, async () => {
        await add('undone');
        sleep().then(
          () => {},
          () => {},
        );
      }),
    );
    expect(isTransactionTimeoutError(reason)).toBe(true);
    expect(await labels(direct)).toEqual([]);
    expect(knex.client.pool.numUsed()).toBe(0);
  });

  it('an aborted signal cancels, rolls back and rejects with its reason', async () => {
    const controller = new AbortController();
    const why = new Error('shutting down');
    let seen: unknown;
    const reason = await reasonOf(
      tm.run({ signal: controller.signal }, async ({ signal }) => {
        signal.addEventListener('abort', () => (seen = signal.reason));
        await add('aborted');
        setTimeout(() => controller.abort(why), 20);
        await sleep();
      }),
    );
    expect(reason).toBe(why);
    expect(seen).toBe(why);
    expect(await labels(direct)).toEqual([]);
    expect(await reasonOf(tm.run({ signal: controller.signal }, () => add('never')))).toBe(why);
  });

  it.each<[string, (tm: TransactionManager, signal: AbortSignal, fn: () => Promise<void>) => Promise<void>]>([
    ['tm.run', (tm, signal, fn) => tm.run({ signal }, fn)],
    ['tm.read', (tm, signal, fn) => tm.read({ signal }, fn)],
  ])('a statement in %s that is cancelled in time costs no connection', async (_where, scope) => {
    const single = database.pool({ pool: { min: 0, max: 1 } });
    const manager = createTransactionManager({ name: 'cancelled', primary: single });
    const session = engine === 'postgres' ? 'pg_backend_pid()' : 'connection_id()';
    const current = async () => (await single.select(single.raw(`${session} as id`)).first()).id as number;
    // On a machine under load a cancel may come too late, and then it does cost one.
    await expect
      .poll(
        async () => {
          const before = await current();
          const controller = new AbortController();
          await reasonOf(
            scope(manager, controller.signal, async () => {
              setTimeout(() => controller.abort(), 20);
              await manager.db.raw(engine === 'postgres' ? 'select pg_sleep(90)' : 'select sleep(90)');
            }),
          );
          return (await current()) === before;
        },
        { timeout: 60_000 },
      )
      .toBe(true);
    await manager.close();
  });

  it.each<[string, (fn: () => Promise<void>, signal: AbortSignal) => Promise<unknown>]>([
    ['tm.run', (fn, signal) => tm.run({ signal }, fn)],
    ['tm.read', (fn, signal) => tm.read({ signal }, fn)],
  ])(
    'one that does not end when it is cancelled, in %s, is ended with its connection',
    async (_where, scope) => {
      const controller = new AbortController();
      const why = new Error('shutting down');
      const answer = proxy.holdAnswer('never heard of');
      const ended = reasonOf(
        scope(async () => void (await tm.db.raw("select 'never heard of'")), controller.signal),
      );
      await answer.held;
      controller.abort(why);
      // Half a second is what it is given; ROLLBACK would be given five.
      expect(await Promise.race([ended, delay(4_500, 'late')])).toBe(why);
      await expectRecovery([]);
      answer.release();
    },
  );

  it('an abort during the COMMIT leaves its outcome unknown, and says so', async () => {
    const controller = new AbortController();
    const why = new Error('shutting down');
    await add('warm');
    const answer = proxy.holdAnswer('commit');
    const hooks: string[] = [];
    const ended = reasonOf(
      tm.run({ signal: controller.signal }, async () => {
        tm.afterCommit(() => hooks.push('commit'));
        tm.afterRollback(() => hooks.push('rollback'));
        await add('maybe');
      }),
    );
    await answer.held;
    controller.abort(why);
    const reason = await ended;
    expect(isCommitOutcomeUnknownError(reason)).toBe(true);
    expect(reason).toMatchObject({ cause: why });
    expect(hooks).toEqual([]);
    await expect.poll(() => labels(direct)).toEqual(['warm', 'maybe']);
    await expectRecovery(['warm', 'maybe']);
    answer.release();
  });

  it('tm.read is timed out too', async () => {
    const started = performance.now();
    const reason = await reasonOf(tm.read({ timeoutMs: 200 }, async () => void (await sleep())));
    expect(isTransactionTimeoutError(reason)).toBe(true);
    expect(performance.now() - started).toBeLessThan(60_000);
    await add('next');
    expect(knex.client.pool.numUsed()).toBe(0);
  });

  if (engine === 'postgres')
    it('a ROLLBACK that is not answered ends with its connection, which nobody is given after that', async () => {
      const boom = new Error('boom');
      const answer = proxy.holdAnswer('rollback');
      const ended = tm.run(async () => {
        await add('undone');
        throw boom;
      });
      expect(await reasonOf(ended)).toBe(boom);
      await expectRecovery([]);
      answer.release();
    });
});
