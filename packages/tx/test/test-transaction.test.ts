import { beforeEach, describe, expect, it } from 'vitest';
import {
  createTestTransaction,
  isAfterCommitError,
  isPropagationError,
  isUnexpectedRollbackError,
  type TestTransaction,
} from '../src/index.js';
import { engines, labels, useEntries } from './support/databases.js';

describe.each(engines)('createTestTransaction on %s', (engine) => {
  const { knex, tm, add } = useEntries(engine);
  let test: TestTransaction;

  beforeEach(async () => {
    test = await createTestTransaction(tm);
    return () => test.rollback();
  });

  const seen = () => tm.db('entry').orderBy('id').pluck('label');

  it('undoes everything in the end, inside and outside of tm.run', async () => {
    await add('outside');
    await tm.run(() => add('inside'));
    await tm.run(() => tm.run({ propagation: 'REQUIRES_NEW' }, () => add('new')));
    await tm.run({ durable: true, isolation: 'serializable' }, () => add('durable'));
    expect(await seen()).toEqual(['outside', 'inside', 'new', 'durable']);
    expect(await tm.read(seen)).toEqual(['outside', 'inside', 'new', 'durable']);
    await test.rollback();
    expect(await labels(knex)).toEqual([]);
  });

  it('rolls a failing root back to its savepoint, with the same errors as in production', async () => {
    await add('before');
    await expect(
      tm.run(async () => {
        await add('undone');
        throw new Error('boom');
      }),
    ).rejects.toThrow('boom');
    await expect(
      tm.run(async () => {
        await add('undone too');
        await tm.run(async () => Promise.reject(new Error('inner'))).catch(() => {});
      }),
    ).rejects.toSatisfy(isUnexpectedRollbackError);
    expect(await seen()).toEqual(['before']);
  });

  it('a statement that fails outside of tm.run harms nothing else', async () => {
    await add('same');
    await expect(add('same')).rejects.toThrow(/unique|duplicate/i);
    expect(await seen()).toEqual(['same']);
  });

  it('runs hooks on demand only, once', async () => {
    const ran: string[] = [];
    await tm.run(async () => {
      tm.afterCommit(() => ran.push('a'));
      tm.afterCommit(() => tm.run(async () => tm.afterCommit(() => ran.push('of the hook'))));
    });
    expect(ran).toEqual([]);
    await test.drainHooks();
    await test.drainHooks();
    expect(ran).toEqual(['a', 'of the hook']);
    await tm.run(async () =>
      tm.afterCommit(() => {
        throw new Error('hook');
      }),
    );
    await expect(test.drainHooks()).rejects.toSatisfy(isAfterCommitError);
  });

  it('lets only one be open, and gives its connection back', async () => {
    await expect(createTestTransaction(tm)).rejects.toSatisfy(isPropagationError);
    await test.rollback();
    expect(knex.client.pool.numUsed()).toBe(0);
    test = await createTestTransaction(tm);
    await add('again');
  });
});
