import { setTimeout as delay } from 'node:timers/promises';
import { recordChannels } from 'kit-tooling/channels';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createOutbox,
  createOutboxRelay,
  type OutboxMessage,
  type OutboxRelay,
  type OutboxRelayOptions,
} from '../src/index.js';
import { openSession } from '../src/database-session.js';
import { type Database, engines, eventually, openDatabase } from './durable-setup.js';

describe.each(engines)('a relay whose deliveries fail on %s', (engine) => {
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

  /** It polls so rarely that whatever happens was woken. */
  const relay = (options: OutboxRelayOptions) => {
    const made = createOutboxRelay(database.tm, { pollMs: 3_600_000, ...options });
    relays.push(made);
    return made;
  };
  /** Messages with these ids; `attempts` were made of each before. */
  const add = (ids: string[], { attempts = 0, key }: { attempts?: number; key?: string } = {}) =>
    database.tm.run(async () => {
      for (const id of ids)
        await createOutbox(database.tm).add('t', id, { messageId: id, ...(key && { key }) });
      await database.tm.db('kit_outbox').whereIn('message_id', ids).update({ attempts });
    });
  const rows = () => database.knex('kit_outbox').orderBy('id');
  const allGivenBack = () =>
    eventually(async () => {
      const found = await rows();
      return found.every(({ owner, error }) => owner === null && error !== undefined) && found;
    });
  const now = async () => {
    const [row] = await database.knex.select(database.knex.raw(`${openSession(database.tm).now} as ms`));
    return Number(row.ms);
  };
  const idsOf = (batch: readonly OutboxMessage[]) => batch.map(({ id }) => id);

  it('tries a message again at its own time, long before the poll, whatever its listener does', async () => {
    const attempts: number[] = [];
    relay({
      backoff: { baseMs: 20 },
      publish: async ([message]) => {
        attempts.push(message!.attempt);
        if (attempts.length < 3) throw new Error('down');
      },
      onError() {
        throw new Error('listener');
      },
    });
    await add(['a']);
    await eventually(async () => (await rows()).length === 0);
    expect(attempts).toEqual([1, 2, 3]);
  });

  it('takes new messages together, and one by one in their order what has failed before', async () => {
    await add(['old 1', 'old 2'], { attempts: 1, key: 'k' });
    await add(['new 1', 'new 2']);
    const batches: string[][] = [];
    relay({ publish: async (batch) => void batches.push(idsOf(batch)) });
    await eventually(async () => (await rows()).length === 0);
    expect(batches).toEqual([['new 1', 'new 2'], ['old 1'], ['old 2']]);
  });

  it('holds back what follows a failed message of its key, and nothing else', async () => {
    await add(['k1', 'k2', 'k3'], { attempts: 1, key: 'k' });
    await add(['other'], { attempts: 1, key: 'o' });
    const tried: string[] = [];
    relay({
      backoff: { baseMs: 200_000 },
      publish: async (batch) => {
        tried.push(...idsOf(batch));
        if (batch[0]!.key === 'k') throw new Error('bad');
      },
    });
    const left = await eventually(async () => {
      const found = await rows();
      return found.length === 3 && found.every(({ owner }) => owner === null) && found;
    });
    expect(tried).toEqual(['k1', 'other']);
    expect(left.map(({ message_id: id, attempts }) => [id, Number(attempts)])).toEqual([
      ['k1', 2],
      ['k2', 1],
      ['k3', 1],
    ]);
  });

  it('takes three failures in a row for a broker that is down: the others wait untried', async () => {
    await add(['a', 'b', 'c', 'd', 'e'], { attempts: 1 });
    const tried: string[] = [];
    const before = await now();
    relay({
      backoff: { baseMs: 200_000 },
      publish: async (batch) => {
        tried.push(...idsOf(batch));
        throw new Error('down');
      },
    });
    await eventually(() => tried.length === 3);
    const left = await allGivenBack();
    expect(tried).toEqual(['a', 'b', 'c']);
    expect(left.map(({ attempts }) => Number(attempts))).toEqual([2, 2, 2, 1, 1]);
    for (const { due_at: due } of left) expect(Number(due) - before).toBeGreaterThanOrEqual(150_000);
  });

  it('begins to count anew after a success', async () => {
    await add(['bad 1', 'bad 2', 'good', 'bad 3', 'last'], { attempts: 1 });
    const tried: string[] = [];
    relay({
      backoff: { baseMs: 200_000 },
      publish: async (batch) => {
        tried.push(...idsOf(batch));
        if (batch[0]!.id.startsWith('bad')) throw new Error('bad');
      },
    });
    await eventually(async () => (await rows()).length === 3);
    expect(tried).toEqual(['bad 1', 'bad 2', 'good', 'bad 3', 'last']);
  });

  it('waits between half of and the whole of baseMs * 2^n, at most maxMs', async () => {
    await add(['first']);
    await add(['third'], { attempts: 2 });
    await add(['tenth'], { attempts: 9 });
    const before = await now();
    let tried = 0;
    relay({
      backoff: { baseMs: 100_000, maxMs: 1_000_000 },
      publish: async (batch) => {
        tried += batch.length;
        throw new Error('down');
      },
    });
    await eventually(() => tried === 3);
    const waits = (await allGivenBack()).map(({ due_at: due }) => Number(due));
    const after = await now();
    for (const [index, longest] of [100_000, 400_000, 1_000_000].entries()) {
      expect(waits[index]! - before).toBeGreaterThanOrEqual(longest / 2);
      expect(waits[index]! - after).toBeLessThanOrEqual(longest);
    }
  });

  it('abandons a message that ended every relay that took it, without another try', async () => {
    await add(['deadly'], { attempts: 3 });
    await add(['last try'], { attempts: 2 });
    await database.knex('kit_outbox').update({ owner: 'dead-relay', due_at: 0 });
    const tried: string[] = [];
    relay({ maxAttempts: 3, publish: async (batch) => void tried.push(...idsOf(batch)) });
    const [left] = await eventually(async () => {
      const found = await rows();
      return found.length === 1 && found[0]!.owner === null && found;
    });
    expect(tried).toEqual(['last try']);
    expect(left).toMatchObject({
      message_id: 'deadly',
      status: 'abandoned',
      error: 'every relay that took it ended before it could answer',
    });
  });

  it('finishes the batch at hand when it is closed, and takes no other', async () => {
    await add(['1', '2', '3', '4', '5']);
    const published: string[] = [];
    const closing = relay({
      batchSize: 2,
      publish: async (batch) => {
        published.push(...idsOf(batch));
        void closing.close();
      },
    });
    await eventually(() => published.length > 0);
    await closing.close();
    expect(published).toEqual(['1', '2']);
    expect((await rows()).map((row) => row.message_id)).toEqual(['3', '4', '5']);
  });

  it('tells what it published by topic', async () => {
    const recorded = recordChannels('kit:tx:outbox-published');
    await database.tm.run(async () => {
      for (const topic of ['paid', 'refunded', 'paid']) await createOutbox(database.tm).add(topic, 1);
    });
    relay({ publish: async () => {} });
    await eventually(() => recorded.events.length === 2);
    recorded.stop();
    expect(recorded.events.map(({ payload }) => [payload.topic, payload.count])).toEqual([
      ['paid', 2],
      ['refunded', 1],
    ]);
  });

  it('leaves the database alone between two polls', async () => {
    const published: string[] = [];
    relay({ publish: async (batch) => void published.push(...idsOf(batch)) });
    await add(['a']);
    await eventually(async () => published.length === 1 && (await rows()).length === 0);
    let statements = 0;
    const count = () => (statements += 1);
    database.knex.client.on('query', count);
    // What was woken may still look once more; then there is silence.
    await eventually(async () => {
      const before = statements;
      await delay(150);
      return statements === before;
    });
    database.knex.client.removeListener('query', count);
  });

  it('tells of a look that failed, and looks again', async () => {
    const errors: unknown[] = [];
    const published: string[] = [];
    await database.knex.schema.renameTable('kit_outbox', 'kit_outbox_away');
    relay({
      pollMs: 20,
      publish: async (batch) => void published.push(...idsOf(batch)),
      onError: (error) => errors.push(error),
    });
    await eventually(() => errors.length > 1);
    await database.knex.schema.renameTable('kit_outbox_away', 'kit_outbox');
    expect(String(errors[0])).toMatch(/kit_outbox/);
    await add(['a']);
    await eventually(() => published.length === 1);
  });
});
