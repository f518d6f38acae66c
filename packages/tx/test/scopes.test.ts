import { getEventListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { recordChannels } from 'kit-tooling/channels';
import {
  createTransactionManager,
  isPropagationError,
  isTransactionClosedError,
  isUnexpectedRollbackError,
  transactional,
} from '../src/index.js';
import { engines, labels, reasonOf, useEntries } from './support/databases.js';

describe.each(engines)('scopes on %s', (engine) => {
  const { database, knex, tm, add } = useEntries(engine, { name: 'scopes' });

  const boom = new Error('boom');

  describe('what does not fit', () => {
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

    it('joins a snapshot to the same snapshot, and refuses NEVER inside one', async () => {
      await add('a');
      const seen = await tm.read({ snapshot: true }, () =>
        tm.read({ snapshot: true }, () => tm.db('entry').pluck('label')),
      );
      expect(seen).toEqual(['a']);
      const reason = await reasonOf(
        tm.read({ snapshot: true }, () => tm.run({ readOnly: true, propagation: 'NEVER' }, async () => {})),
      );
      expect(isPropagationError(reason)).toBe(true);
      expect((reason as Error).message).toContain('NEVER');
    });

    if (engine === 'sqlite') {
      it('says why a second writer can never begin', async () => {
        const reason = await reasonOf(tm.run(() => tm.run({ propagation: 'REQUIRES_NEW' }, async () => {})));
        expect((reason as Error).message).toContain('SQLite has one writer');
      });
    } else {
      it('a read of its own does not see what is not committed', async () => {
        const options = { readOnly: true, propagation: 'REQUIRES_NEW' } as const;
        await tm.run(async () => {
          await add('a');
          expect(await tm.run(options, async () => tm.db('entry').pluck('label'))).toEqual([]);
        });
      });

      it('a transaction of its own ends with the one around it', async () => {
        let inner: Promise<unknown> | undefined;
        const outer = reasonOf(
          tm.run({ timeoutMs: 1_000 }, async () => {
            inner = reasonOf(
              tm.run({ propagation: 'REQUIRES_NEW' }, async () => {
                await add('undone');
                await delay(3_000);
              }),
            );
            await inner;
          }),
        );
        expect(await outer).toMatchObject({ code: 'KIT_TX_TIMEOUT' });
        expect(await inner).toMatchObject({ code: 'KIT_TX_TIMEOUT' });
        expect(await labels(knex)).toEqual([]);
      });
    }

    if (engine !== 'sqlite')
      it('a signal of the outermost scope ends what is inside, however far in and whatever lies between', async () => {
        const controller = new AbortController();
        const why = new Error('shutting down');
        const between = (fn: () => Promise<void>) =>
          tm.run(() => tm.run({ propagation: 'NOT_SUPPORTED' }, fn));
        let inner: Promise<unknown> | undefined;
        const outer = reasonOf(
          tm.run({ signal: controller.signal }, () =>
            between(async () => {
              inner = reasonOf(
                tm.run({ propagation: 'REQUIRES_NEW' }, async ({ signal }) => {
                  await add('undone');
                  controller.abort(why);
                  signal.throwIfAborted();
                }),
              );
              await inner;
            }),
          ),
        );
        expect([await outer, await inner]).toEqual([why, why]);
        expect(await labels(knex)).toEqual([]);
        expect(knex.client.pool.numUsed()).toBe(0);
      });

    if (engine === 'postgres') {
      it('a nested scope that swallowed an error hears that it was undone, and the outer one is kept', async () => {
        let inner: unknown;
        await tm.run(async () => {
          await add('outer');
          inner = await reasonOf(
            tm.run({ propagation: 'NESTED' }, async () => {
              await add('inner');
              await reasonOf(tm.db.raw('select * from nowhere').then(() => {}));
            }),
          );
          await add('after');
        });
        expect(isUnexpectedRollbackError(inner)).toBe(true);
        expect(inner).toMatchObject({ cause: { code: '42P01' } });
        expect(await labels(knex)).toEqual(['outer', 'after']);
      });

      it('and hears so where the error comes before the state of the server, as it does on the wire', async () => {
        let isLate = false;
        const late = database.pool({
          pool: {
            min: 0,
            max: 1,
            afterCreate(connection: { getTransactionStatus(): string }, done: () => void) {
              const status = connection.getTransactionStatus.bind(connection);
              connection.getTransactionStatus = () => (isLate ? 'T' : status());
              done();
            },
          },
        });
        const manager = createTransactionManager({ name: 'late', primary: late });
        const inner = await manager.run(async () => {
          await manager.db('entry').insert({ label: 'outer' });
          const reason = await reasonOf(
            manager.run({ propagation: 'NESTED' }, async () => {
              await manager.db('entry').insert({ label: 'inner' });
              await reasonOf(manager.db.raw('select * from nowhere').then(() => {}));
              isLate = true;
            }),
          );
          isLate = false;
          await manager.db('entry').insert({ label: 'after' });
          return reason;
        });
        expect(isUnexpectedRollbackError(inner)).toBe(true);
        expect(inner).toMatchObject({ cause: { code: '42P01' } });
        expect(await labels(knex)).toEqual(['outer', 'after']);
      });

      it('a limit that the caller set in the server is the server’s error, not a timeout of ours', async () => {
        const reason = await reasonOf(
          tm.run(async () => {
            await tm.db.raw("set local statement_timeout = '30ms'");
            await tm.db.raw('select pg_sleep(20)');
          }),
        );
        expect(reason).toMatchObject({ code: '57014' });
      });
    }

    it('tells by its channel how long it took, inside and outside', async () => {
      const recorded = recordChannels('kit:tx:settled');
      const startedAt = performance.now();
      await tm.run(() => tm.run({ propagation: 'NESTED' }, () => delay(20)));
      const tookMs = performance.now() - startedAt;
      recorded.stop();
      const [nested, outer] = recorded.events.map(({ payload }) => payload.durationMs as number);
      expect(nested).toBeGreaterThan(15);
      expect(outer).toBeGreaterThanOrEqual(nested!);
      expect(outer).toBeLessThanOrEqual(tookMs);
    });

    it('a read that is begun in a transaction which has ended is refused too', async () => {
      let late: Promise<unknown> | undefined;
      await tm.run(async () => {
        late = delay(10).then(() => reasonOf(tm.read(() => labels(knex))));
      });
      expect(isTransactionClosedError(await late)).toBe(true);
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

    it('inside tm.read is one of its own when it says so', async () => {
      const recorded = recordChannels('kit:tx:settled');
      await tm.read(() => tm.run({ readOnly: true, propagation: 'REQUIRES_NEW' }, () => labels(knex)));
      recorded.stop();
      expect(recorded.events.map(({ payload }) => payload.mode)).toEqual(['read', 'read']);
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
      const work = async () => round;
      const calls = [
        () => tm.run({ signal }, work),
        () => tm.read({ signal }, work),
        () => tm.run(() => tm.run({ signal }, work)),
        () => tm.run(() => tm.run({ signal, propagation: 'NESTED' }, work)),
        () => tm.run({ signal, propagation: 'NOT_SUPPORTED' }, work),
      ];
      expect(await calls[round % calls.length]!()).toBe(round);
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
    await tm.read(() => tm.read(() => tm.db('entry').pluck('id')));
    recorded.stop();
    expect(recorded.events.map(({ payload }) => payload)).toEqual([
      { name: 'scopes', mode: 'nested', outcome: 'rolled-back', durationMs: expect.any(Number), attempts: 1 },
      { name: 'scopes', mode: 'write', outcome: 'committed', durationMs: expect.any(Number), attempts: 1 },
      { name: 'scopes', mode: 'read', outcome: 'committed', durationMs: expect.any(Number), attempts: 1 },
    ]);
    expect(recorded.events.every(({ payload }) => Object.isFrozen(payload))).toBe(true);
  });
});
