import { describe, expect, it } from 'vitest';
import { isAfterCommitError, type RunOptions } from '../src/index.js';
import { engines, labels, useEntries } from './support/databases.js';

/** More of it: options, decorators, streams and close, in the tests named so. */
describe.each(engines)('bad input on %s', (engine) => {
  const { knex, tm, add } = useEntries(engine, { name: 'bad input' });

  /** In an array, for `undefined` can be thrown too. */
  const thrownBy = (promise: Promise<unknown>) =>
    promise.then(
      () => ['resolved'],
      (reason: unknown) => [reason],
    );

  it.each<RunOptions>([
    { propagation: 'SOMETIMES' as never },
    { propagation: 'required' as never },
    { isolation: 'snapshot' as never },
    { isolation: 'SERIALIZABLE' as never },
  ])('%j is refused before anything begins', async (options) => {
    let called = false;
    const [reason] = await thrownBy(tm.run(options, async () => (called = true)));
    expect(reason).toBeInstanceOf(RangeError);
    expect(called).toBe(false);
  });

  it.each<RunOptions>([
    { propagation: 'SOMETIMES' as never },
    { durable: true },
    { readOnly: true },
    { isolation: engine === 'sqlite' ? ('read committed' as const) : ('serializable' as const) },
    { readOnly: true, snapshot: true },
  ])('%j inside a transaction is refused, and leaves that committable', async (options) => {
    await tm.run(async () => {
      await add('kept');
      const [reason] = await thrownBy(tm.run(options, () => add('never')));
      expect(reason).toBeInstanceOf(Error);
    });
    expect(await labels(knex)).toEqual(['kept']);
  });

  it.each([undefined, null, 0, '', 'text', Symbol.for('thrown'), { code: 40_001 }, () => {}])(
    'what is thrown reaches the caller as it is, from every kind of scope (%#)',
    async (thrown) => {
      const fail = async () => {
        await add('undone').catch(() => {});
        throw thrown;
      };
      const calls = [
        () => tm.run(fail),
        () => tm.run({ retry: { attempts: 3 }, noRollbackFor: ['E_OTHER'] }, fail),
        () => tm.run(() => tm.run(fail)),
        () => tm.run(() => tm.run({ propagation: 'NESTED' }, fail)),
        () => tm.read(fail),
        () => tm.read({ snapshot: true }, fail),
      ];
      for (const call of calls) expect(await thrownBy(call())).toEqual([thrown]);
      expect(await labels(knex)).toEqual([]);
      expect(knex.client.pool.numUsed()).toBe(0);
    },
  );

  it('a hook that throws no Error is an AfterCommitError with that cause', async () => {
    for (const thrown of [undefined, null, 'text']) {
      const [reason] = await thrownBy(tm.run(async () => tm.afterCommit(() => Promise.reject(thrown))));
      expect(isAfterCommitError(reason)).toBe(true);
      expect((reason as Error).cause).toBe(thrown);
    }
  });

  it('a signal that has aborted already begins nothing, whatever its reason', async () => {
    for (const cause of ['why', new Error('why')]) {
      let called = false;
      const work = async () => (called = true);
      const signal = AbortSignal.abort(cause);
      expect(await thrownBy(tm.run({ signal }, work))).toEqual([cause]);
      expect(await thrownBy(tm.read({ signal }, work))).toEqual([cause]);
      expect(called).toBe(false);
    }
    expect(knex.client.pool.numUsed()).toBe(0);
  });
});
