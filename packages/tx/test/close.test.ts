import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createTransactionManager, isTransactionClosedError } from '../src/index.js';
import { engines, labels, reasonOf, useEntries } from './support/databases.js';

describe.each(engines)('close() on %s', (engine) => {
  const { knex } = useEntries(engine);
  const open = () => {
    const tm = createTransactionManager({ name: 'closed', primary: knex });
    return { tm, add: async (label: string) => void (await tm.db('entry').insert({ label })) };
  };

  it('waits for what runs, then refuses everything, and leaves the pool to its maker', async () => {
    const { tm, add } = open();
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
      () => tm.advisoryLock('key', async () => {}),
      () => tm.db('entry').then(() => {}),
    ])
      expect(isTransactionClosedError(await reasonOf(call()))).toBe(true);
    expect(await labels(knex)).toEqual(['kept']);
  });

  it('inside a scope of its own does not wait for itself', async () => {
    const { tm, add } = open();
    await tm.run(async () => {
      await tm.close();
      await add('kept');
    });
    expect(await labels(knex)).toEqual(['kept']);
  });

  it('may be called twice, and at once', async () => {
    const { tm, add } = open();
    const running = tm.run(() => add('kept'));
    await Promise.all([tm.close(), tm.close()]);
    await tm[Symbol.asyncDispose]();
    await running;
    expect(await labels(knex)).toEqual(['kept']);
  });
});
