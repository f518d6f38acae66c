import { recordChannels } from 'kit-tooling/channels';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createInbox,
  createOutbox,
  createOutboxRelay,
  createTransactionManager,
  type OutboxMessage,
  type OutboxRelay,
} from '../src/index.js';
import { type Database, engines, eventually, openDatabase } from './durable-setup.js';
import { wrongNames } from './support/wrong-names.js';

describe.each(engines)('the outbox on %s', (engine) => {
  let database: Database;
  let relays: OutboxRelay[] = [];
  const fast = { pollMs: 20, backoff: { baseMs: 5, maxMs: 20 } };

  beforeAll(async () => {
    database = await openDatabase(engine);
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());
  afterEach(async () => {
    for (const relay of relays) await relay.close();
    relays = [];
  });

  const relay = (options: Parameters<typeof createOutboxRelay>[1], tm = database.tm) => {
    const made = createOutboxRelay(tm, { ...fast, ...options });
    relays.push(made);
    return made;
  };
  const add = (topic: string, payload: unknown, options?: { key?: string; messageId?: string }) =>
    database.tm.run(() => createOutbox(database.tm).add(topic, payload, options));

  it('publishes what was committed, once, and nothing that was rolled back', async () => {
    const recorded = recordChannels('kit:tx:outbox-published', 'kit:tx:outbox-backlog');
    const published: OutboxMessage[] = [];
    relay({ publish: async (batch) => void published.push(...batch) });
    const outbox = createOutbox(database.tm);
    const id = await add('payment.paid', { id: 7, at: [1, null] }, { key: 'p7' });
    await expect(
      database.tm.run(async () => {
        await outbox.add('payment.paid', { id: 8 });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await eventually(async () => published.length > 0 && (await outbox.backlog()) === 0);
    expect(published).toEqual([
      { id, topic: 'payment.paid', key: 'p7', payload: { id: 7, at: [1, null] }, headers: {}, attempt: 1 },
    ]);
    expect(await database.knex('kit_outbox')).toEqual([]);
    await eventually(() =>
      ['kit:tx:outbox-published', 'kit:tx:outbox-backlog'].every((name) =>
        recorded.events.some(({ channel }) => channel === name),
      ),
    );
    expect(recorded.events.find(({ channel }) => channel === 'kit:tx:outbox-published')!.payload).toEqual({
      name: 'test',
      topic: 'payment.paid',
      count: 1,
      durationMs: expect.any(Number),
    });
    expect(recorded.events.find(({ channel }) => channel === 'kit:tx:outbox-backlog')!.payload).toEqual({
      name: 'test',
      size: expect.any(Number),
      oldestMs: expect.any(Number),
    });
    recorded.stop();
  });

  it('refuses a message outside a transaction, and one that JSON cannot hold', async () => {
    const outbox = createOutbox(database.tm);
    await expect(outbox.add('t', 1)).rejects.toMatchObject({ code: 'KIT_TX_PROPAGATION' });
    await expect(add('t', { n: 1n })).rejects.toThrow(
      'the payload of topic "t" must be something JSON can hold, got a bigint at .n',
    );
    expect(await outbox.backlog()).toBe(0);
  });

  it.each(wrongNames)('refuses $name as a topic', async ({ value, rule }) => {
    const name = value as string;
    await expect(add(name, 1)).rejects.toThrow(`topic must be ${rule(255)}`);
    expect(await createOutbox(database.tm).backlog()).toBe(0);
  });

  const wrongOptionals = wrongNames.filter(({ value }) => value !== undefined);
  it.each(wrongOptionals)('refuses $name as a key or message id', async ({ value, rule }) => {
    const name = value as string;
    await expect(add('t', 1, { key: name })).rejects.toThrow(`key must be ${rule(255)}`);
    await expect(add('t', 1, { messageId: name })).rejects.toThrow(`messageId must be ${rule(255)}`);
    expect(await createOutbox(database.tm).backlog()).toBe(0);
  });

  it.each<[unknown, string]>([
    [null, 'options must be an object, got null'],
    ['k', 'options must be an object, got "k"'],
  ])('refuses the options %j', async (options, text) => {
    await expect(add('t', 1, options as never)).rejects.toThrow(text);
  });

  it('wakes on the commit, long before the poll', async () => {
    const published: unknown[] = [];
    relay({ publish: async (batch) => void published.push(...batch), pollMs: 600_000 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await add('t', 1);
    await eventually(() => published.length === 1);
  });

  it('wakes the relay of another manager on the same knex', async () => {
    const published: unknown[] = [];
    const other = createTransactionManager({ name: 'relay', primary: database.knex });
    relay({ publish: async (batch) => void published.push(...batch), pollMs: 600_000 }, other);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await add('t', 1);
    await eventually(() => published.length === 1);
  });

  it('tries a message that fails again, abandons it after maxAttempts, and keeps its row', async () => {
    const attempts: number[] = [];
    const errors: unknown[] = [];
    relay({
      maxAttempts: 3,
      onError: (error) => errors.push(error),
      publish: async (batch) => {
        for (const { topic, attempt } of batch) {
          if (topic !== 'bad') continue;
          attempts.push(attempt);
          throw new Error('poison');
        }
      },
    });
    await database.tm.run(async () => {
      const outbox = createOutbox(database.tm);
      await outbox.add('good', 1);
      await outbox.add('bad', 2, { key: 'k' });
      await outbox.add('good', 3, { key: 'k' });
    });
    await eventually(async () => (await createOutbox(database.tm).backlog()) === 0);
    expect(attempts).toEqual([1, 2, 3]);
    expect(await database.knex('kit_outbox').select('topic', 'status', 'attempts', 'error')).toEqual([
      { topic: 'bad', status: 'abandoned', attempts: 3, error: 'poison' },
    ]);
    expect(errors).toHaveLength(3);
  });

  it('abandons a message whose error has characters that a database refuses', async () => {
    const message = 'not \0 text';
    relay({
      maxAttempts: 2,
      publish(batch: OutboxMessage[]) {
        throw new Error(batch.length > 0 ? message : 'nothing');
      },
    });
    await add('t', null);
    const abandoned = await eventually(async () =>
      database.knex('kit_outbox').where({ status: 'abandoned' }).first(),
    );
    expect(abandoned).toMatchObject({ attempts: 2, error: 'not  text' });
  });

  it('abandons a row that is no JSON, and publishes the others', async () => {
    const published: unknown[] = [];
    const errors: unknown[] = [];
    await database.tm.run(async () => {
      const outbox = createOutbox(database.tm);
      await outbox.add('t', 'damaged', { messageId: 'damaged' });
      await outbox.add('t', 'whole');
      await database.tm.db('kit_outbox').where({ message_id: 'damaged' }).update({ payload: '{"a":' });
    });
    relay({
      publish: async (batch) => void published.push(...batch.map(({ payload }) => payload)),
      onError: (error) => errors.push(error),
    });
    await eventually(async () => (await createOutbox(database.tm).backlog()) === 0);
    expect(published).toEqual(['whole']);
    expect(await database.knex('kit_outbox').select('message_id', 'status', 'error')).toEqual([
      {
        message_id: 'damaged',
        status: 'abandoned',
        error: expect.stringMatching(/^it cannot be read: .*JSON/),
      },
    ]);
    expect(errors).toMatchObject([{ name: 'SyntaxError' }]);
  });

  it('keeps the order of each key with four relays, and publishes each message once', async () => {
    const seen = new Map<string, number[]>();
    const everything: string[] = [];
    const publish = async (batch: readonly OutboxMessage[]) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
      for (const { id, key, payload } of batch) {
        everything.push(id);
        seen.set(key!, [...(seen.get(key!) ?? []), payload.n]);
      }
    };
    for (let n = 0; n < 4; n += 1)
      relay({ publish, batchSize: 7 }, n === 0 ? database.tm : database.another().tm);
    const outbox = createOutbox(database.tm);
    for (let n = 0; n < 30; n += 1) {
      await database.tm.run(async () => {
        for (const key of ['a', 'b', 'c']) await outbox.add('t', { n }, { key });
      });
    }
    await eventually(async () => everything.length >= 90 && (await outbox.backlog()) === 0);
    expect(new Set(everything).size).toBe(90);
    expect(everything).toHaveLength(90);
    for (const key of ['a', 'b', 'c']) expect(seen.get(key)).toEqual(Array.from({ length: 30 }, (_, n) => n));
  });

  it('finds messages whose transaction committed after that of a later id', async () => {
    if (engine === 'sqlite') return; // one writer: it cannot happen
    const published: unknown[] = [];
    relay({ publish: async (batch) => void published.push(...batch.map(({ payload }) => payload)) });
    const outbox = createOutbox(database.tm);
    const written = Promise.withResolvers<void>();
    const commit = Promise.withResolvers<void>();
    const late = database.tm.run(async () => {
      await outbox.add('t', 'early id, late commit');
      written.resolve();
      await commit.promise;
    });
    await written.promise;
    await add('t', 'late id, early commit');
    await eventually(() => published.length === 1);
    commit.resolve();
    await late;
    await eventually(() => published.length === 2);
    expect(published).toEqual(['late id, early commit', 'early id, late commit']);
  });

  it('delivers a message twice when its relay dies between publish and delete; the inbox handles it once', async () => {
    const inbox = createInbox(database.tm);
    const outcomes: string[] = [];
    const handle = async (batch: readonly OutboxMessage[]) => {
      for (const { id } of batch) {
        const { status } = await inbox.once('consumer', id, async () => {
          await database.tm.db('effects').insert({ name: id });
        });
        outcomes.push(status);
      }
    };
    // What a relay leaves that was killed after its publish: a claim that nobody renews.
    const id = await add('t', 1);
    await handle([{ id, topic: 't', payload: 1, headers: {}, attempt: 1 }]);
    await database.knex('kit_outbox').update({ owner: 'dead-relay', attempts: 1 });
    relay({ publish: handle });
    await eventually(async () => (await createOutbox(database.tm).backlog()) === 0);
    expect(outcomes).toEqual(['handled', 'duplicate']);
    expect(await database.knex('effects').select('name')).toEqual([{ name: id }]);
  });

  it('takes over from a relay that went silent, and that one deletes nothing when it comes back', async () => {
    let wakeUp = () => {};
    // It tries again after each lease, and is not to abandon the message before the other one gets hold of it.
    const slow = relay({
      leaseMs: 60,
      maxAttempts: 1_000_000,
      backoff: { baseMs: 500, maxMs: 500 },
      publish: () => new Promise<void>((resolve) => (wakeUp = resolve)),
    });
    const id = await add('t', 1);
    await eventually(async () => (await database.knex('kit_outbox').first())?.owner);
    const published: string[] = [];
    relay(
      { publish: async (batch) => void published.push(...batch.map((message) => message.id)) },
      database.another().tm,
    );
    await eventually(() => published.includes(id));
    wakeUp();
    await slow.close();
    await eventually(async () => (await database.knex('kit_outbox')).length === 0);
  });
});

describe.each(engines)('the inbox on %s', (engine) => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase(engine);
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());

  it('handles a message once, however often and how many at a time it comes', async () => {
    const inbox = createInbox(database.tm);
    let calls = 0;
    const handle = () => inbox.once('c', 'm', async () => (calls += 1));
    const results = await Promise.all(Array.from({ length: 4 }, handle));
    expect(calls).toBe(1);
    expect(results.filter(({ status }) => status === 'handled')).toEqual([{ status: 'handled', result: 1 }]);
    expect(await handle()).toEqual({ status: 'duplicate' });
    expect((await inbox.once('another', 'm', async () => 'x')).status).toBe('handled');
    expect((await inbox.once('c', 'M', async () => 'x')).status).toBe('handled');
  });

  it('forgets a message whose handler failed, alone and inside the caller’s transaction', async () => {
    const inbox = createInbox(database.tm);
    const fail = () =>
      inbox.once('c', 'm', async () => {
        await database.tm.db('effects').insert({ name: 'x' });
        throw new Error('handler');
      });
    await expect(fail()).rejects.toThrow('handler');
    await expect(database.tm.run(fail)).rejects.toThrow('handler');
    expect(await database.knex('kit_inbox')).toEqual([]);
    expect(await database.knex('effects')).toEqual([]);
    await database.tm.run(() => inbox.once('c', 'm', async () => 1));
    expect(await database.knex('kit_inbox').select('consumer', 'message_id')).toEqual([
      { consumer: 'c', message_id: 'm' },
    ]);
  });

  it('forgets old messages when it is told to', async () => {
    const inbox = createInbox(database.tm);
    await inbox.once('c', 'old', async () => 1);
    await database.knex('kit_inbox').decrement('handled_at', 60_000);
    await inbox.once('c', 'new', async () => 1);
    expect(await inbox.purge(30_000)).toBe(1);
    expect(await database.knex('kit_inbox').pluck('message_id')).toEqual(['new']);
  });

  it.each(wrongNames)('refuses $name as a consumer or message id', async ({ value, rule }) => {
    const inbox = createInbox(database.tm);
    const name = value as string;
    await expect(inbox.once(name, 'm', async () => 1)).rejects.toThrow(`consumer must be ${rule(100)}`);
    await expect(inbox.once('c', name, async () => 1)).rejects.toThrow(`messageId must be ${rule(255)}`);
  });

  it('refuses a handler that is none, also of a message that was handled before', async () => {
    const inbox = createInbox(database.tm);
    await inbox.once('c', 'm', async () => 1);
    await expect(inbox.once('c', 'm', 5 as never)).rejects.toThrow('fn must be a function, got 5');
  });

  it('takes names of the full length, and refuses an age that is none', async () => {
    const inbox = createInbox(database.tm);
    expect((await inbox.once('c'.repeat(100), 'm'.repeat(255), async () => 1)).status).toBe('handled');
    await expect(inbox.purge(-1)).rejects.toThrow(/olderThanMs must be .* got -1/);
  });
});
