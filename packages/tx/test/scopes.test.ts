import { getEventListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recordChannels } from 'kit-tooling/channels';
import {
  createTransactionManager,
  isPropagationError,
  isTransactionClosedError,
  transactional,
  type TransactionManager,
} from '../src/index.js';
import { engines, labels, openDatabase, resetEntries, type TestDatabase } from './support/databases.js';

describe.each(engines)('scopes on %s', (engine) => {
  let database: TestDatabase;
  let knex: Knex;
  let tm: TransactionManager;

  beforeAll(async () => {
    database = await openDatabase(engine);
    knex = database.pool();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await resetEntries(knex);
    tm = createTransactionManager({ name: 'scopes', primary: knex });
    return () => tm.close();
  });

  const add = async (label: string) => void (await tm.db('entry').insert({ label }));
  const reasonOf = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
  const boom = new Error('boom');

  describe('what does not fit', () => {
    it('durable throws unless outermost', async () => {
      expect(await tm.run({ durable: true }, async () => 'outermost')).toBe('outermost');
      const reason = await reasonOf(tm.run(() => tm.run({ durable: true }, async () => {})));
      expect(isPropagationError(reason)).toBe(true);
    });

    it('an inner call cannot change the isolation, but may repeat it', async () => {
      // SQLite has no other level; a snapshot is one that cannot join there either.
      const other = engine === 'sqlite' ? [] : (['REQUIRED', 'NESTED', 'MANDATORY'] as const);
      await tm.run({ isolation: 'serializable' }, async () => {
        expect(await tm.run({ isolation: 'serializable' }, async () => 'joined')).toBe('joined');
        for (const propagation of other) {
          const reason = await reasonOf(
            tm.run({ propagation, isolation: 'repeatable read' }, async () => {}),
          );
          expect(isPropagationError(reason)).toBe(true);
        }
        expect(isPropagationError(await reasonOf(tm.read({ snapshot: true }, async () => {})))).toBe(true);
      });
    });

    it.each(['REQUIRED', 'REQUIRES_NEW', 'NESTED'] as const)(
      'tm.run %s inside a snapshot throws',
      async (propagation) => {
        const reason = await reasonOf(
          tm.read({ snapshot: true }, () => tm.run({ propagation }, async () => {})),
        );
        expect(isPropagationError(reason)).toBe(true);
      },
    );

    it('timeoutMs counts the waiting for a connection', async () => {
      const single = database.pool({ pool: { min: 0, max: 1 } });
      const manager = createTransactionManager({ name: 'single', primary: single });
      const ended = Promise.withResolvers<void>();
      const holder = manager.run(() => ended.promise);
      const reason = await reasonOf(manager.run({ timeoutMs: 50 }, async () => {}));
      expect(reason).toMatchObject({ code: 'KIT_TX_TIMEOUT' });
      ended.resolve();
      await holder;
      await manager.run(async () => {});
      expect(single.client.pool.numUsed()).toBe(0);
      await manager.close();
    });

    it('close() inside a scope of its own does not wait for itself', async () => {
      await tm.run(async () => {
        await tm.close();
        await add('kept');
      });
      expect(await labels(knex)).toEqual(['kept']);
    });

    it('tm.run({ readOnly: true }) inside a transaction throws, tm.read joins it', async () => {
      await tm.run(async () => {
        await add('mine');
        expect(isPropagationError(await reasonOf(tm.run({ readOnly: true }, async () => {})))).toBe(true);
        expect(await tm.read(() => tm.db('entry').pluck('label'))).toEqual(['mine']);
      });
      expect(await labels(knex)).toEqual(['mine']);
    });

    it.each(['REQUIRED', 'REQUIRES_NEW', 'NESTED', 'SUPPORTS'] as const)(
      'tm.run %s inside tm.read throws',
      async (propagation) => {
        const reason = await reasonOf(tm.read(() => tm.run({ propagation }, () => add('never'))));
        expect(isPropagationError(reason)).toBe(true);
        expect(await labels(knex)).toEqual([]);
      },
    );

    it('assertNoTransaction throws inside tm.run only', async () => {
      tm.assertNoTransaction();
      await tm.read(async () => tm.assertNoTransaction());
      const reason = await reasonOf(tm.run(async () => tm.assertNoTransaction()));
      expect(isPropagationError(reason)).toBe(true);
    });

    it('a read that nobody awaits is refused after the end', async () => {
      let late: Promise<unknown> | undefined;
      await tm.read(async () => {
        late = delay(10).then(() => reasonOf(tm.db('entry').then(() => {})));
      });
      expect(isTransactionClosedError(await late)).toBe(true);
    });

    it('a closed manager refuses everything and has waited for what ran', async () => {
      let ended = false;
      const running = tm.run(async () => {
        await delay(30);
        await add('kept');
        ended = true;
      });
      await tm.close();
      expect(ended).toBe(true);
      await running;
      for (const call of [
        () => tm.run(async () => {}),
        () => tm.read(async () => {}),
        () => tm.db('entry').then(() => {}),
      ])
        expect(isTransactionClosedError(await reasonOf(call()))).toBe(true);
      expect(await labels(knex)).toEqual(['kept']);
    });
  });

  describe('tm.read', () => {
    it('cannot write: the server refuses, and the pool is as before for everybody else', async () => {
      const reason = await reasonOf(tm.read(() => add('never')));
      expect(reason).toBeInstanceOf(Error);
      expect(isTransactionClosedError(reason)).toBe(false);
      await knex('entry').insert({ label: 'by plain knex' });
      await add('by tm.db');
      expect(await labels(knex)).toEqual(['by plain knex', 'by tm.db']);
    });

    it('runs its statements side by side, without a transaction', async () => {
      await add('a');
      const rows = await tm.read(() =>
        Promise.all([tm.db('entry').pluck('label'), tm.db('entry').count({ n: '*' }).first()]),
      );
      expect(rows[0]).toEqual(['a']);
    });

    it('with a snapshot sees one moment', async () => {
      await add('a');
      const other = engine === 'sqlite' ? undefined : knex;
      const seen = await tm.read({ snapshot: true }, async () => {
        const before = await tm.db('entry').pluck('label');
        await other?.('entry').insert({ label: 'b' });
        return [before, await tm.db('entry').pluck('label')];
      });
      expect(seen).toEqual([['a'], ['a']]);
      expect(await reasonOf(tm.read({ snapshot: true }, () => add('never')))).toBeInstanceOf(Error);
      await add('c');
    });

    it('inside tm.read is part of it', async () => {
      expect(
        await tm.read(() => tm.run({ readOnly: true }, () => tm.read(() => tm.db('entry').pluck('id')))),
      ).toEqual([]);
    });
  });

  it('a thousand calls on one signal leave nothing behind', async () => {
    const { signal } = new AbortController();
    for (let round = 0; round < 1_000; round += 1) {
      const call =
        round % 2 === 0 ? tm.run({ signal }, async () => round) : tm.read({ signal }, async () => round);
      expect(await call).toBe(round);
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(knex.client.pool.numUsed() + knex.client.pool.numPendingAcquires()).toBe(0);
  });

  it('two managers on one knex share the transaction', async () => {
    const other = createTransactionManager({ name: 'other', primary: knex });
    const reason = await reasonOf(
      tm.run(async () => {
        await other.run(async () => void (await other.db('entry').insert({ label: 'undone' })));
        throw boom;
      }),
    );
    expect(reason).toBe(boom);
    expect(await labels(knex)).toEqual([]);
    await other.close();
  });

  it('batchInsert is one transaction, its own or the active one', async () => {
    const rows = [{ label: 'a' }, { label: 'b' }, { label: 'a' }];
    expect(await reasonOf(tm.db.batchInsert('entry', rows, 1).then(() => {}))).toBeInstanceOf(Error);
    expect(await labels(knex)).toEqual([]);
    await tm.run(async () => void (await tm.db.batchInsert('entry', rows.slice(0, 2), 1)));
    expect(await labels(knex)).toEqual(['a', 'b']);
  });

  it('transactional() wraps a function, with its this and arguments', async () => {
    const service = {
      prefix: 'x',
      add: transactional(tm)(async function (this: { prefix: string }, label: string) {
        tm.setRollbackOnly();
        await add(this.prefix + label);
        return tm.db('entry').pluck('label');
      }),
    };
    expect(await service.add('y')).toEqual(['xy']);
    expect(await labels(knex)).toEqual([]);
  });

  it('tells kit:tx:settled what became of a write, a nested scope and a read', async () => {
    const recorded = recordChannels('kit:tx:settled');
    await tm.run(async () => {
      await add('a');
      await reasonOf(
        tm.run({ propagation: 'NESTED' }, async () => {
          throw boom;
        }),
      );
    });
    await tm.read(() => tm.db('entry').pluck('id'));
    recorded.stop();
    expect(recorded.events.map(({ payload }) => payload)).toEqual([
      { name: 'scopes', mode: 'nested', outcome: 'rolled-back', durationMs: expect.any(Number), attempts: 1 },
      { name: 'scopes', mode: 'write', outcome: 'committed', durationMs: expect.any(Number), attempts: 1 },
      { name: 'scopes', mode: 'read', outcome: 'committed', durationMs: expect.any(Number), attempts: 1 },
    ]);
    expect(recorded.events.every(({ payload }) => Object.isFrozen(payload))).toBe(true);
  });

  it('tm.db has nothing that begins or ends a transaction or the pool', () => {
    for (const name of [
      'transaction',
      'transactionProvider',
      'commit',
      'rollback',
      'destroy',
      'initialize',
      'savepoint',
    ])
      expect({ name, there: name in tm.db }).toEqual({ name, there: false });
    // @ts-expect-error -- and neither do the types
    expect(tm.db.transaction).toBeUndefined();
    // @ts-expect-error
    expect(tm.db.destroy).toBeUndefined();
    const { client } = tm.db as unknown as { client: { destroy(): void; transaction(): void } };
    expect(() => client.destroy()).toThrow(expect.objectContaining({ code: 'KIT_TX_HIJACKED' }));
    expect(() => client.transaction()).toThrow(expect.objectContaining({ code: 'KIT_TX_HIJACKED' }));
  });
});
