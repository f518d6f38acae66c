import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createOutbox, createOutboxRelay, type OutboxMessage, type OutboxRelay } from '../src/index.js';
import { type Database, engines, eventually, openDatabase } from './durable-setup.js';

// SQLite has one writer: nothing can commit late there.
describe.each(engines.filter((engine) => engine !== 'sqlite'))('a key with a late commit on %s', (engine) => {
  let database: Database;
  let relays: OutboxRelay[] = [];
  beforeAll(async () => {
    database = await openDatabase(engine);
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());
  afterEach(async () => {
    for (const relay of relays) await relay.close();
    relays = [];
  });
  const add = (n: number) =>
    database.tm.run(() => createOutbox(database.tm).add('t', n, { key: 'k', messageId: `m${n}` }));
  const relay = (publish: (batch: readonly OutboxMessage[]) => Promise<void>) =>
    void relays.push(createOutboxRelay(database.another().tm, { pollMs: 20, publish }));
  const numbersOf = (batch: readonly OutboxMessage[]) => batch.map(({ payload }) => payload as number);

  it('leaves a message alone that another relay has in hand, and what comes behind it', async () => {
    // 1 has the lower id and commits after 2, which a relay has taken by then.
    let commit = () => {};
    let isWritten = () => {};
    const written = new Promise<void>((resolve) => (isWritten = resolve));
    const late = database.tm.run(async () => {
      await createOutbox(database.tm).add('t', 1, { key: 'k', messageId: 'm1' });
      isWritten();
      await new Promise<void>((resolve) => (commit = resolve));
    });
    await written;
    await add(2);
    let goOn = () => {};
    const slow: number[] = [];
    relay(async (batch) => {
      slow.push(...numbersOf(batch));
      await new Promise<void>((resolve) => (goOn = resolve));
    });
    await eventually(() => slow.length === 1);

    commit();
    await late;
    await add(3);
    const quick: number[] = [];
    relay(async (batch) => void quick.push(...numbersOf(batch)));
    await eventually(() => quick.includes(1));
    // Time enough for a relay that would overtake.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([slow, quick]).toEqual([[2], [1]]);

    goOn();
    await eventually(async () => (await database.knex('kit_outbox')).length === 0 || (goOn(), false));
    expect([...slow, ...quick].toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
  });
});

describe.each(engines)('a busy relay on %s', (engine) => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase(engine);
  });
  afterAll(() => database.close());

  it('leaves nothing behind of full batches, keyed and not, and publishes each message once and in order', async () => {
    const outbox = createOutbox(database.tm);
    await database.tm.run(async () => {
      for (let n = 0; n < 25; n += 1) await outbox.add('t', n, n % 2 ? { key: `k${n % 3}` } : {});
    });
    const published: number[] = [];
    const relay = createOutboxRelay(database.tm, {
      batchSize: 4,
      pollMs: 600_000,
      publish: async (batch) => void published.push(...batch.map(({ payload }) => payload as number)),
    });
    await eventually(async () => (await database.knex('kit_outbox')).length === 0);
    await relay.close();
    expect(published.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, n) => n));
    for (const rest of [0, 1, 2]) {
      const ofKey = published.filter((n) => n % 2 && n % 3 === rest);
      expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b));
    }
  });
});
