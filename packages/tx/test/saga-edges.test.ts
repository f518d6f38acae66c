import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createSagaRunner, defineSaga, local, remote, type SagaRunner } from '../src/index.js';
import { type Database, eventually, openDatabase } from './durable-setup.js';

const input = z.object({ amount: z.number() });
const saga = defineSaga({ name: 'simple', version: 1, input, steps: [local('a', () => 1)] });

describe('what a saga does with', () => {
  let database: Database;
  let runner: SagaRunner | undefined;
  beforeAll(async () => {
    database = await openDatabase('sqlite');
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());
  afterEach(() => runner?.close());

  it.each<[string, unknown, string]>([
    ['a bigint', 1n, 'a bigint at its root'],
    ['a function inside', { f: () => 1 }, 'a function at .f'],
    ['NaN', { list: [1, Number.NaN] }, 'NaN at .list.1'],
    ['a Map', new Map(), 'a Map at its root'],
    ['an invalid Date', { at: new Date(Number.NaN) }, 'an invalid Date at .at'],
    ['bytes', new Uint8Array(1), 'a Uint8Array at its root'],
  ])('a step that returns %s: it fails, rolled back', async (_what, value, found) => {
    const bad = defineSaga({
      name: 'bad-result',
      version: 1,
      input,
      steps: [
        local('a', async () => {
          await database.tm.db('effects').insert({ name: 'x' });
          return value;
        }),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [bad] });
    const done = await runner.start(bad, { amount: 1 });
    expect(done).toMatchObject({
      status: 'failed',
      error: {
        message: `the result of step "a" of saga "bad-result" must be something JSON can hold, got ${found}`,
      },
    });
    expect(await database.knex('effects')).toEqual([]);
  });

  it('a cycle, and a call whose result JSON cannot hold: the partner has acted, so it is undone', async () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = { cycle };
    const undone: string[] = [];
    const bad = defineSaga({
      name: 'bad-answer',
      version: 1,
      input,
      steps: [remote('call', () => cycle, { undo: () => void undone.push('undone') })],
    });
    runner = createSagaRunner(database.tm, { sagas: [bad] });
    const done = await runner.start(bad, { amount: 1 });
    expect(done).toMatchObject({
      status: 'compensated',
      steps: [{ phase: 'do', status: 'unknown' }, { phase: 'undo' }],
    });
    expect(undone).toEqual(['undone']);
  });

  it('gives the next step what a restart would give it', async () => {
    const seen: unknown[] = [];
    const dates = defineSaga({
      name: 'dates',
      version: 1,
      input,
      steps: [
        local('a', () => ({ at: new Date(0), gone: undefined })),
        local('b', (c) => void seen.push(c.results.a)),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [dates] });
    await runner.start(dates, { amount: 1 });
    expect(seen).toEqual([{ at: '1970-01-01T00:00:00.000Z' }]);
  });

  it('resolve: an unknown id, a settled saga, an unknown word; and settles an open one by hand', async () => {
    const waits = defineSaga({
      name: 'waits',
      version: 1,
      input,
      steps: [
        remote('pivot', () => 1, { pivot: true }),
        remote('never', () => {
          throw new Error('down');
        }),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga, waits], backoff: { baseMs: 60_000 } });
    await expect(runner.resolve('no', { as: 'retry' })).rejects.toThrow(
      'id must be the id of a saga, got "no"',
    );
    const { id } = await runner.start(saga, { amount: 1 });
    await expect(runner.resolve(id, { as: 'retry' })).rejects.toThrow('is completed');
    const open = await runner.start(waits, { amount: 1 });
    await expect(runner.resolve(open.id, { as: 'maybe' as never })).rejects.toThrow(
      "as must be 'retry', 'compensated' or 'completed', got \"maybe\"",
    );
    expect(await runner.backlog()).toBe(1);
    await runner.resolve(open.id, { as: 'completed', note: 'done by phone' });
    expect(await runner.get(open.id)).toMatchObject({ status: 'completed' });
    const { resolution, fence } = await database.knex('kit_saga').where({ id: open.id }).first();
    expect(JSON.parse(resolution)).toMatchObject({ as: 'completed', note: 'done by phone' });
    expect(fence).toBe(2);
    expect(await runner.backlog()).toBe(0);
  });

  it('resolve as retry wakes a parked saga at once', async () => {
    let down = true;
    const waits = defineSaga({
      name: 'woken',
      version: 1,
      input,
      steps: [
        remote('pivot', () => 1, { pivot: true }),
        remote('later', () => {
          if (down) throw new Error('down');
        }),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [waits], backoff: { baseMs: 60_000 }, pollMs: 600_000 });
    const { id } = await runner.start(waits, { amount: 1 });
    down = false;
    await runner.resolve(id, { as: 'retry' });
    await eventually(async () => (await runner!.get(id))?.status === 'completed');
  });

  it('close lets the running step end and gives the saga to the next instance', async () => {
    let release = () => {};
    const slow = defineSaga({
      name: 'handed-over',
      version: 1,
      input,
      steps: [
        remote('slow', () => new Promise<void>((resolve) => (release = resolve))),
        local('next', () => 2),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [slow] });
    const started = runner.start(slow, { amount: 1 });
    await eventually(async () => (await database.knex('kit_saga_step')).length === 1);
    const closed = runner.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    release();
    await closed;
    const handed = await started;
    expect(handed).toMatchObject({ status: 'running', steps: [{ name: 'slow', status: 'done' }] });
    runner = createSagaRunner(database.tm, { sagas: [slow] });
    await eventually(async () => (await runner!.get(handed.id))?.status === 'completed');
  });

  it('believes a breaker that refused a repeated call nothing about the call before', async () => {
    let asked = 0;
    const guarded = defineSaga({
      name: 'guarded',
      version: 1,
      input,
      steps: [
        local('row', () => 1, { undo: () => void expect.unreachable() }),
        remote(
          'charge',
          ({ attempt }) => {
            if (attempt === 1)
              throw Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNRESET' } });
            if (attempt === 2)
              throw Object.assign(new Error('open'), { name: 'BreakerOpenError', code: 'KIT_BREAKER_OPEN' });
            return (asked += 1);
          },
          { pivot: true },
        ),
      ],
    });
    runner = createSagaRunner(database.tm, {
      sagas: [guarded],
      pollMs: 20,
      backoff: { baseMs: 5, maxMs: 10 },
    });
    const { id } = await runner.start(guarded, { amount: 1 });
    await eventually(async () => (await runner!.get(id))?.status === 'completed');
    expect(asked).toBe(1);
  });

  it('counts a predicate’s errors as unknown, and an error of the predicate as unknown too', async () => {
    const undone: number[] = [];
    const of = (name: string, unknown: (error: unknown) => boolean) =>
      defineSaga({
        name,
        version: 1,
        input,
        steps: [
          remote('call', () => Promise.reject(new Error('garbage')), {
            unknown,
            undo: () => void undone.push(1),
          }),
        ],
      });
    const [says, throws, denies] = [
      of('says', () => true),
      of('throws', () => {
        throw new Error('x');
      }),
      of('denies', () => false),
    ];
    runner = createSagaRunner(database.tm, { sagas: [says, throws, denies] });
    expect((await runner.start(says, { amount: 1 })).status).toBe('compensated');
    expect((await runner.start(throws, { amount: 1 })).status).toBe('compensated');
    expect((await runner.start(denies, { amount: 1 })).status).toBe('failed');
    expect(undone).toHaveLength(2);
  });

  it('carries the trace of whoever started it to the instance that resumes it', async () => {
    const key = Symbol.for('@kit/trace');
    const holder = globalThis as Record<symbol, unknown>;
    const before = holder[key];
    const runs: unknown[] = [];
    holder[key] = {
      version: 1,
      getTrace: () => ({ traceId: 'abc' }),
      run: (trace: unknown, fn: () => unknown) => (runs.push(trace), fn()),
      inject: (carrier: Record<string, string>) => Object.assign(carrier, { traceparent: 'tp' }),
    };
    try {
      let broken = true;
      const traced = defineSaga({
        name: 'traced',
        version: 1,
        input,
        steps: [
          remote('pivot', () => 1, { pivot: true }),
          remote('later', () => {
            if (broken) throw new Error('x');
          }),
        ],
      });
      runner = createSagaRunner(database.tm, {
        sagas: [traced],
        pollMs: 20,
        backoff: { baseMs: 20, maxMs: 40 },
      });
      const { id } = await runner.start(traced, { amount: 1 });
      broken = false;
      await eventually(async () => (await runner!.get(id))?.status === 'completed');
      expect(runs[0]).toEqual({ traceId: 'abc' });
    } finally {
      holder[key] = before;
    }
  });
});
