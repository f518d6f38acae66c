import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { isAfterCommitError, isPropagationError, isUnexpectedRollbackError } from '../src/index.js';
import { engines, labels, reasonOf, useEntries } from './support/databases.js';

describe.each(engines)('hooks and rollback rules on %s', (engine) => {
  const { knex, tm, add } = useEntries(engine, { name: 'scopes' });

  const boom = new Error('boom');

  describe('hooks', () => {
    it('run in order, awaited, after the connection is released', async () => {
      const order: string[] = [];
      const value = await tm.run(async () => {
        tm.afterCommit(async () => {
          order.push(`used ${knex.client.pool.numUsed()}`);
          await delay(5);
          order.push('first');
        });
        tm.afterCommit(() => order.push('second'));
        tm.afterRollback(() => order.push('never'));
        await add('a');
        order.push('body');
        return 'value';
      });
      expect(value).toBe('value');
      expect(order).toEqual(['body', 'used 0', 'first', 'second']);
    });

    it('afterRollback runs instead when the function throws', async () => {
      const order: string[] = [];
      const reason = await reasonOf(
        tm.run(async () => {
          tm.afterCommit(() => order.push('never'));
          tm.afterRollback(() => order.push('rolled back'));
          await add('a');
          throw boom;
        }),
      );
      expect(reason).toBe(boom);
      expect(order).toEqual(['rolled back']);
    });

    it('a throwing afterCommit hook is an AfterCommitError, the others run and the commit stays', async () => {
      const order: string[] = [];
      const reason = await reasonOf(
        tm.run(async () => {
          tm.afterCommit(() => {
            throw boom;
          });
          tm.afterCommit(() => order.push('second'));
          await add('kept');
          return 7;
        }),
      );
      expect(isAfterCommitError(reason)).toBe(true);
      expect(reason).toMatchObject({ cause: boom, result: 7, code: 'KIT_TX_AFTER_COMMIT' });
      expect(order).toEqual(['second']);
      expect(await labels(knex)).toEqual(['kept']);
    });

    it('a throwing afterRollback hook does not hide why it was rolled back', async () => {
      const warned: Error[] = [];
      const listen = (warning: Error) => warned.push(warning);
      process.on('warning', listen);
      const reason = await reasonOf(
        tm.run(async () => {
          tm.afterRollback(() => {
            throw new Error('hook');
          });
          throw boom;
        }),
      );
      await delay(10);
      process.off('warning', listen);
      expect(reason).toBe(boom);
      expect(warned.map(({ message }) => message).join()).toContain('hook');
    });

    it('a rolled-back savepoint discards its own', async () => {
      const order: string[] = [];
      await tm.run(async () => {
        tm.afterCommit(() => order.push('outer'));
        await reasonOf(
          tm.run({ propagation: 'NESTED' }, async () => {
            tm.afterCommit(() => order.push('discarded'));
            throw boom;
          }),
        );
        await tm.run({ propagation: 'NESTED' }, async () => {
          tm.afterCommit(() => order.push('kept'));
        });
      });
      expect(order).toEqual(['outer', 'kept']);
    });

    it('a rolled-back savepoint runs its afterRollback hooks in the end, also when all the rest is committed', async () => {
      const order: string[] = [];
      await tm.run(async () => {
        tm.afterCommit(() => order.push('outer'));
        await reasonOf(
          tm.run({ propagation: 'NESTED' }, async () => {
            tm.afterRollback(() => order.push('undone'));
            throw boom;
          }),
        );
      });
      expect(order).toEqual(['outer', 'undone']);
    });

    it('those of an inner REQUIRED wait for the outer commit', async () => {
      const order: string[] = [];
      await tm.run(async () => {
        await tm.run(async () => tm.afterCommit(() => order.push('hook')));
        order.push('outer body');
      });
      expect(order).toEqual(['outer body', 'hook']);
    });

    it('need a transaction', async () => {
      for (const call of [tm.afterCommit, tm.afterRollback])
        expect(() => call(() => {})).toThrow(expect.objectContaining({ code: 'KIT_TX_PROPAGATION' }));
      expect(() => tm.setRollbackOnly()).toThrow(expect.objectContaining({ code: 'KIT_TX_PROPAGATION' }));
      const inRead = tm.read(async () => tm.afterCommit(() => {}));
      expect(isPropagationError(await reasonOf(inRead))).toBe(true);
    });

    it('can run a transaction of their own', async () => {
      await tm.run(async () => {
        tm.afterCommit(() => tm.run(() => add('from the hook')));
        await add('a');
      });
      expect(await labels(knex)).toEqual(['a', 'from the hook']);
    });
  });

  describe('rollback rules', () => {
    it('setRollbackOnly in the outermost scope rolls back and resolves with the value', async () => {
      const value = await tm.run(async () => {
        await add('undone');
        tm.setRollbackOnly();
        return 42;
      });
      expect(value).toBe(42);
      expect(await labels(knex)).toEqual([]);
    });

    it('setRollbackOnly in a joined scope surprises the outer one, which must hear of it', async () => {
      const reason = await reasonOf(
        tm.run(async () => {
          await add('undone');
          await tm.run(async () => tm.setRollbackOnly());
        }),
      );
      expect(isUnexpectedRollbackError(reason)).toBe(true);
      expect(await labels(knex)).toEqual([]);
    });

    it('an error that was swallowed inside is the cause that the outer scope hears of', async () => {
      const reason = await reasonOf(
        tm.run(async () => {
          await reasonOf(tm.run(() => Promise.reject(boom)));
        }),
      );
      expect(isUnexpectedRollbackError(reason)).toBe(true);
      expect(reason).toMatchObject({ cause: boom });
    });

    it('setRollbackOnly in a nested scope undoes only that', async () => {
      await tm.run(async () => {
        await add('kept');
        await tm.run({ propagation: 'NESTED' }, async () => {
          await add('undone');
          tm.setRollbackOnly();
        });
      });
      expect(await labels(knex)).toEqual(['kept']);
    });

    it.each([
      ['its name', { noRollbackFor: ['Refused'] }],
      ['its code', { noRollbackFor: ['E_REFUSED'] }],
      ['a function', { noRollbackFor: (error: unknown) => (error as Error).name === 'Refused' }],
    ])('noRollbackFor by %s commits and still rejects', async (_what, options) => {
      const refused = Object.assign(new Error('no'), { name: 'Refused', code: 'E_REFUSED' });
      const reason = await reasonOf(
        tm.run(options, async () => {
          await add('kept');
          throw refused;
        }),
      );
      expect(reason).toBe(refused);
      expect(await labels(knex)).toEqual(['kept']);
    });

    it('a noRollbackFor that throws itself spares nothing, and leaks nothing', async () => {
      const noRollbackFor = () => {
        throw new Error('rule');
      };
      const reason = await reasonOf(
        tm.run({ noRollbackFor }, async () => {
          await add('undone');
          throw boom;
        }),
      );
      expect(reason).toBe(boom);
      expect(await labels(knex)).toEqual([]);
      expect(knex.client.pool.numUsed()).toBe(0);
    });

    it('noRollbackFor of a joined scope leaves the outer one committable', async () => {
      await tm.run(async () => {
        await add('kept');
        await reasonOf(
          tm.run({ noRollbackFor: ['Error'] }, async () => {
            throw boom;
          }),
        );
      });
      expect(await labels(knex)).toEqual(['kept']);
    });

    it.each(['a string', undefined, null, { plain: 'object' }])(
      'passes on %j as it was thrown',
      async (thrown) => {
        const caught = await tm
          .run(async () => {
            await add('undone');
            throw thrown;
          })
          .then(
            () => ['resolved'],
            (reason: unknown) => [reason],
          );
        expect(caught).toEqual([thrown]);
        expect(await labels(knex)).toEqual([]);
      },
    );
  });
});
