import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createIdempotency, createSagaRunner, defineSaga, local, remote } from '../src/index.js';
import { openSession } from '../src/database-session.js';
import { createRounds } from '../src/rounds.js';
import { callWithin } from '../src/saga-call.js';
import { createSagaStore } from '../src/saga-store.js';
import { type Database, engines, eventually, openDatabase } from './durable-setup.js';

describe('createRounds', () => {
  it('comes for every wish, also for one that was made behind an earlier one', async () => {
    let looks = 0;
    const rounds = createRounds(3_600_000, async () => {
      looks += 1;
      return false;
    });
    await eventually(() => looks === 1);
    rounds.wakeIn(40);
    rounds.wakeIn(400);
    await eventually(() => looks >= 3);
    await rounds.close();
  });

  it('looks again after a wish that came in the middle of a round', async () => {
    let goOn = () => {};
    let looks = 0;
    const rounds = createRounds(3_600_000, async () => {
      looks += 1;
      if (looks === 1) await new Promise<void>((resolve) => (goOn = resolve));
      return false;
    });
    await eventually(() => looks === 1);
    rounds.wakeIn(0);
    await delay(30);
    expect(looks).toBe(1);
    goOn();
    await eventually(() => looks === 2);
    await rounds.close();
  });

  it('takes thousands of wishes without a round for each', async () => {
    let looks = 0;
    const rounds = createRounds(3_600_000, async () => {
      looks += 1;
      return false;
    });
    for (let n = 0; n < 5_000; n += 1) rounds.wakeIn(100 + n / 100);
    await delay(400);
    await rounds.close();
    expect(looks).toBeGreaterThanOrEqual(2);
    expect(looks).toBeLessThan(100);
  });
});

describe('callWithin', () => {
  it('leaves nothing behind of a call that has ended, however long the signal lives that would abandon it', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const longLived = new AbortController();
    const seen: WeakRef<AbortSignal>[] = [];
    for (let n = 0; n < 20; n += 1) {
      await callWithin(10_000, longLived.signal, (signal) => void seen.push(new WeakRef(signal)));
    }
    await eventually(async () => {
      await delay(10);
      collect();
      return seen.filter((ref) => ref.deref() !== undefined).length <= 1;
    });
    expect(longLived.signal.aborted).toBe(false);
  });
});

describe.each(engines)('durable rows on %s', (engine) => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase(engine);
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());

  it('a renewal that comes after the saga was parked does not put off its next attempt', async () => {
    const store = createSagaStore(openSession(database.tm), 'me', 600_000);
    const id = await store.insert({
      id: 'saga-1', name: 's', version: 1, input: '{}', inputHash: 'h'.repeat(64),
      dedupeKey: undefined, dedupeHash: null, trace: null,
    }); // prettier-ignore
    const row = (await store.find(id))!;
    expect(await store.renew(row)).toBe(true);
    expect(await store.advance(row, { dueInMs: 50, retries: 1 }, [])).toBe(true);
    expect(await store.renew(row)).toBe(false);
    expect((await store.find(id))!.dueInMs).toBeLessThanOrEqual(50);
  });

  it('a start that stood still until another instance had its saga loses it, and does nothing beside that one', async () => {
    if (engine !== 'sqlite') return; // the trigger that plays the other instance is SQLite's
    await database.knex.raw(`CREATE TRIGGER taken AFTER INSERT ON kit_saga
      BEGIN UPDATE kit_saga SET fence = 2, owner = 'another' WHERE id = NEW.id; END`);
    const calls: string[] = [];
    const saga = defineSaga({
      name: 'taken',
      version: 1,
      input: z.object({}),
      steps: [remote('call', () => void calls.push('called'))],
    });
    const runner = createSagaRunner(database.tm, { sagas: [saga] });
    await expect(runner.start(saga, {})).rejects.toMatchObject({ code: 'KIT_TX_LEASE_LOST' });
    expect(calls).toEqual([]);
    await runner.close();
    await database.knex.raw('DROP TRIGGER taken');
  });

  it('parked sagas go on at their own time, long before a poll that practically never comes', async () => {
    const attempts = new Map<string, number>();
    const saga = defineSaga({
      name: 'parked',
      version: 1,
      input: z.object({ id: z.string(), failures: z.number() }),
      steps: [
        local('pivot', () => 1, { pivot: true }),
        remote('after', ({ input }) => {
          const attempt = (attempts.get(input.id) ?? 0) + 1;
          attempts.set(input.id, attempt);
          if (attempt <= input.failures) throw new Error('not yet');
        }),
      ],
    });
    const runner = createSagaRunner(database.tm, {
      sagas: [saga],
      pollMs: 3_600_000,
      backoff: { baseMs: 20, maxMs: 200 },
    });
    const inputs = [4, 1, 3, 2].map((failures, n) => ({ id: `s${n}`, failures }));
    await Promise.all(inputs.map((input) => runner.start(saga, input)));
    await eventually(async () => (await runner.backlog()) === 0);
    await runner.close();
  });

  it('a process that answers a single request also forgets the responses that are over', async () => {
    const brief = createIdempotency(database.tm, { ttlMs: 1 });
    await brief.run({ key: 'old', body: 1 }, async () => 'old');
    await delay(20);
    await createIdempotency(database.tm).run({ key: 'new', body: 1 }, async () => 'new');
    await eventually(async () => {
      const keys: string[] = await database.knex('kit_idempotency').pluck('id');
      return keys.join() === 'new';
    });
  });
});

describe.each(engines.filter((engine) => engine !== 'sqlite'))('a lock that is not free on %s', (engine) => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase(engine);
  });
  afterAll(() => database.close());

  it('makes a local step wait and try again; it is no reason to undo', async () => {
    await database.knex('effects').insert({ name: 'locked' });
    const saga = defineSaga({
      name: 'locks',
      version: 1,
      input: z.object({}),
      steps: [
        local('first', () => 1, { undo: () => 1 }),
        local('second', async () => {
          await database.tm.db.raw(
            engine === 'postgres' ? "SET LOCAL lock_timeout = '30ms'" : 'SET innodb_lock_wait_timeout = 1',
          );
          await database.tm.db('effects').update({ name: 'written' });
        }),
      ],
    });
    const runner = createSagaRunner(database.tm, {
      sagas: [saga],
      pollMs: 50,
      backoff: { baseMs: 20, maxMs: 50 },
    });
    const holder = await database.another().knex.transaction();
    await holder('effects').where({ name: 'locked' }).forUpdate().select('*');
    const { id, status } = await runner.start(saga, {});
    expect(status).toBe('running');
    await holder.commit();
    await eventually(async () => (await runner.get(id))?.status === 'completed');
    await runner.close();
  });
});
