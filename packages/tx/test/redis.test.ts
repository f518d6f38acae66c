import { Queue, type Job } from 'bullmq';
import { Redis } from 'ioredis';
import { hasServer, startRedis, type TestServer } from 'kit-tooling/servers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type BullmqDispatch, createBullmqDispatch, createBullmqPublisher } from '../src/bullmq.js';
import {
  createOutbox,
  createOutboxRelay,
  createSagaRunner,
  defineSaga,
  local,
  type OutboxMessage,
  type OutboxRelay,
  remote,
  type SagaRunner,
} from '../src/index.js';
import { createRedisStreamsPublisher } from '../src/redis-streams.js';
import { type Database, eventually, openDatabase } from './durable-setup.js';

describe.runIf(hasServer('redis'))('with Redis', () => {
  let server: TestServer;
  let redis: Redis;
  let database: Database;
  const closing: { close(): Promise<unknown> }[] = [];
  const later = <T extends { close(): Promise<unknown> }>(made: T): T => (closing.push(made), made);
  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url, { maxRetriesPerRequest: 1, retryStrategy: () => 50 });
    redis.on('error', () => {});
    database = await openDatabase('sqlite');
  });
  afterAll(async () => {
    redis.disconnect();
    await database.close();
    await server.stop();
  });
  beforeEach(async () => {
    await database.empty();
    await redis.flushall();
  });
  afterEach(async () => {
    for (const one of closing.splice(0)) await one.close();
  });
  const connection = () => ({ host: server.host, port: server.port, maxRetriesPerRequest: null });
  const relay = (publish: (batch: readonly OutboxMessage[]) => Promise<void>): OutboxRelay =>
    later(createOutboxRelay(database.tm, { publish, pollMs: 20, backoff: { baseMs: 20, maxMs: 100 } }));
  const add = (
    messages: [topic: string, payload: unknown, options?: { key?: string; messageId?: string }][],
  ) =>
    database.tm.run(async () => {
      for (const [topic, payload, options] of messages)
        await createOutbox(database.tm).add(topic, payload, options);
    });
  const drained = () => eventually(async () => (await database.knex('kit_outbox')).length === 0);

  it('the outbox arrives in Redis Streams, in order, in the stream of its topic', async () => {
    relay(createRedisStreamsPublisher({ redis, maxLength: 1_000 }));
    await add([
      ['paid', { n: 1 }, { key: 'k', messageId: 'm1' }],
      ['paid', { n: 2 }, { key: 'k', messageId: 'm2' }],
      ['refunded', null, { messageId: 'm3' }],
    ]);
    await drained();
    const entries = await redis.xrange('paid', '-', '+');
    expect(entries.map(([, fields]) => fields)).toEqual([
      ['id', 'm1', 'topic', 'paid', 'key', 'k', 'payload', '{"n":1}', 'headers', '{}'],
      ['id', 'm2', 'topic', 'paid', 'key', 'k', 'payload', '{"n":2}', 'headers', '{}'],
    ]);
    expect((await redis.xrange('refunded', '-', '+'))[0]![1]).toEqual([
      'id', 'm3', 'topic', 'refunded', 'payload', 'null', 'headers', '{}',
    ]); // prettier-ignore
  });

  it('a message that the stream refuses stays in the outbox', async () => {
    await redis.set('wrong-type', 'a string, not a stream');
    const publish = createRedisStreamsPublisher({ redis, stream: () => 'wrong-type' });
    const message: OutboxMessage = { id: 'm', topic: 't', payload: 1, headers: {}, attempt: 1 };
    await expect(publish([message])).rejects.toThrow('WRONGTYPE');
  });

  it('appends nothing behind a refused message of the same key, in no stream, and the rest in order', async () => {
    await redis.set('broken', 'a string, not a stream');
    const publish = createRedisStreamsPublisher({ redis });
    const message = (id: string, topic: string, key?: string): OutboxMessage => ({
      id,
      topic,
      ...(key !== undefined && { key }),
      payload: { id },
      headers: {},
      attempt: 1,
    });
    const idsOf = async (stream: string) =>
      (await redis.xrange(stream, '-', '+')).map(([, fields]) => fields[1]);
    const [a, b] = [message('a', 'fine', 'other'), message('b', 'fine')];
    await expect(publish([a, message('c', 'broken', 'k'), message('d', 'fine', 'k'), b])).rejects.toThrow(
      'WRONGTYPE',
    );
    expect(await idsOf('fine')).not.toContain('d');
    expect(await idsOf('fine')).toContain('a');
    await redis.del('broken', 'fine');
    await publish([a, message('c', 'broken', 'k'), message('d', 'fine', 'k'), b]);
    expect([await idsOf('fine'), await idsOf('broken')]).toEqual([['a', 'd', 'b'], ['c']]);
  });

  it('keeps the keyPrefix of its client', async () => {
    const prefixed = new Redis(server.url, { keyPrefix: 'shop:' });
    try {
      await createRedisStreamsPublisher({ redis: prefixed, maxLength: 5 })([
        { id: 'm', topic: 'paid', payload: 'ü\u0000', headers: {}, attempt: 1 },
      ]);
    } finally {
      prefixed.disconnect();
    }
    expect((await redis.xrange('shop:paid', '-', '+'))[0]![1]).toContain('"ü\\u0000"');
  });

  it.each<[() => unknown, string]>([
    [() => createRedisStreamsPublisher(undefined as never), 'options must be an object, got undefined'],
    [() => createRedisStreamsPublisher({} as never), 'redis must be an ioredis, got undefined'],
    [
      () => createRedisStreamsPublisher({ redis, stream: 'x' as never }),
      'stream must be a function, got "x"',
    ],
    [() => createRedisStreamsPublisher({ redis, maxLength: 0 }), 'maxLength must be an integer >= 1, got 0'],
    [() => createBullmqPublisher(null as never), 'options must be an object, got null'],
    [
      () => createBullmqPublisher({ queue: {} as never }),
      'queue must be a BullMQ queue or a function that gives one, got an object',
    ],
    [() => createBullmqDispatch(undefined as never), 'options must be an object, got undefined'],
    [() => createBullmqDispatch({} as never), 'connection must be an object, got undefined'],
    [
      () => createBullmqDispatch({ connection: connection(), queue: 'a:b' }),
      'queue must be a name without colons, got "a:b"',
    ],
    [
      () => createBullmqDispatch({ connection: connection(), concurrency: 0 }),
      'concurrency must be an integer >= 1, got 0',
    ],
    [
      () => createBullmqDispatch({ connection: connection(), sweepMs: NaN }),
      'sweepMs must be >= 1 and < 2^31 milliseconds, got NaN',
    ],
    [
      () => createBullmqDispatch({ connection: connection(), onError: 5 as never }),
      'onError must be a function, got 5',
    ],
  ])('refuses wrong options before it connects, %#', (make, message) => {
    expect(make).toThrow(message);
  });

  it('the outbox becomes BullMQ jobs whose id is the message id, so a second delivery is no second job', async () => {
    const queue = later(new Queue('events', { connection: connection() }));
    const publish = createBullmqPublisher({ queue });
    relay(publish);
    await add([
      ['paid', { n: 1 }, { key: 'k', messageId: 'm1' }],
      ['paid', 2, { messageId: 'a:b' }],
      ['paid', 3, { messageId: '7' }],
      ['paid', 3, { messageId: 'm-7' }],
      ['paid', 3, { messageId: '-7' }],
      ['paid', 3, { messageId: '%n7' }],
      ['paid', 4, { messageId: 'order 8/é' }],
    ]);
    await drained();
    await publish([{ id: 'm1', topic: 'paid', payload: { n: 1 }, headers: {}, attempt: 2 }]);
    const jobs = await queue.getJobs(['waiting']);
    expect(new Set(jobs.map((job: Job) => job.id))).toEqual(
      new Set(['a%3Ab', '%n7', 'm-7', '%n-7', '%25n7', 'm1', 'order 8/é']),
    );
    expect(jobs.find((job: Job) => job.id === 'm1')).toMatchObject({
      name: 'paid',
      data: { id: 'm1', topic: 'paid', key: 'k', payload: { n: 1 }, headers: {} },
    });
  });

  describe('dispatching sagas through BullMQ', () => {
    const input = z.object({});
    const dispatches: BullmqDispatch[] = [];
    afterEach(() => void dispatches.splice(0));
    const runner = (
      saga: ReturnType<typeof define>,
      options: { sweepMs?: number; leaseMs?: number; onError?: (error: unknown) => void } = {},
    ): SagaRunner => {
      const { sweepMs = 600_000, leaseMs = 60_000, onError } = options;
      const dispatch = createBullmqDispatch({ connection: connection(), queue: 'sagas', sweepMs, onError });
      dispatches.push(dispatch);
      return later(
        createSagaRunner(database.tm, {
          sagas: [saga],
          leaseMs,
          pollMs: 600_000,
          backoff: { baseMs: 20, maxMs: 50 },
          dispatch,
        }),
      );
    };
    const define = (call: (attempt: number) => unknown) =>
      defineSaga({
        name: 'dispatched',
        version: 1,
        input,
        steps: [
          remote('charge', () => 1, { pivot: true }),
          remote('after', (c) => call(c.attempt)),
          local('end', () => 2),
        ],
      });
    const completed = (sagas: SagaRunner, id: string) =>
      eventually(async () => (await sagas.get(id))?.status === 'completed');

    it('resumes a parked saga by a message instead of a poll', async () => {
      const saga = define((attempt) => {
        if (attempt < 3) throw new Error('not yet');
      });
      const sagas = runner(saga);
      const { id, status } = await sagas.start(saga, {});
      expect(status).toBe('running');
      await completed(sagas, id);
    });

    it('sends no more messages for a saga that waits long than for one that does not', async () => {
      let attempts = 0;
      const saga = define(() => {
        attempts += 1;
        throw new Error('not yet');
      });
      const sagas = runner(saga, { leaseMs: 60 });
      await sagas.start(saga, {});
      const waiting = later(new Queue('sagas', { connection: connection() }));
      let most = 0;
      await eventually(async () => {
        most = Math.max(most, await waiting.getJobCountByTypes('waiting', 'delayed', 'active'));
        return attempts >= 20;
      });
      // One that wakes it, one that was to look after it at first, the sweep's schedule; and one on its way.
      expect(most).toBeLessThanOrEqual(5);
    });

    it('finds a saga by the sweep when Redis has lost its message', async () => {
      let broken = true;
      const saga = define(() => {
        if (broken) throw new Error('not yet');
      });
      const first = runner(saga);
      const { id } = await first.start(saga, {});
      await first.close();
      await redis.flushall();
      broken = false;
      await database.knex('kit_saga').update({ due_at: 1 });
      await completed(runner(saga, { sweepMs: 50 }), id);
    });

    it('goes on by itself while Redis is away, says so once, and closes', async () => {
      const reported: unknown[] = [];
      let broken = true;
      const saga = define(() => {
        if (broken) throw new Error('not yet');
      });
      const sagas = runner(saga, { sweepMs: 50, onError: (error) => reported.push(error) });
      await dispatches[0]!.queue.waitUntilReady();
      await server.kill();
      try {
        const started = await Promise.all(Array.from({ length: 20 }, () => sagas.start(saga, {})));
        broken = false;
        for (const { id } of started) await completed(sagas, id);
        const notSent = reported.filter((error) => /Stream isn't writeable/.test(String(error)));
        expect(notSent.length).toBeLessThanOrEqual(2);
        await sagas.close();
      } finally {
        await server.restart();
      }
    });

    it('shows its queue and worker to whoever measures them', async () => {
      const saga = define(() => {});
      const sagas = runner(saga);
      const [{ queue, worker }] = dispatches as [BullmqDispatch];
      let completedJobs = 0;
      worker.on('completed', () => (completedJobs += 1));
      await sagas.start(saga, {});
      expect(await queue.getJobCounts()).toMatchObject({ delayed: 1 });
      expect(worker.name).toBe('sagas');
      await queue.add('saga', { id: 'nobody' });
      await eventually(() => completedJobs > 0);
    });

    it('takes over from an instance that is gone when its lease ends', async () => {
      const saga = define(() => {});
      const sagas = runner(saga, { leaseMs: 300 });
      const { id } = await sagas.start(saga, {});
      // As a crash would leave it: leased, running, its message on the way.
      await database
        .knex('kit_saga')
        .update({ status: 'running', next_step: 1, owner: 'gone', due_at: 4_000_000_000_000 });
      await database.knex('kit_saga').update({ due_at: Date.now() + 600 });
      await completed(sagas, id);
    });
  });
});
