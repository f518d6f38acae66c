import { recordChannels } from 'kit-tooling/channels';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createSagaRunner, defineSaga, local, remote, type SagaRunner } from '../src/index.js';
import { type Database, engines, eventually, openDatabase } from './durable-setup.js';

const input = z.object({ amount: z.number() });

describe.each(engines)('createSagaRunner on %s', (engine) => {
  let database: Database;
  let runner: SagaRunner | undefined;
  const fast = { leaseMs: 60_000, pollMs: 20, backoff: { baseMs: 5, maxMs: 40 } };
  const write = (name: string) => () =>
    database.tm
      .db('effects')
      .insert({ name })
      .then(() => undefined);
  const effects = async () =>
    (await database.knex('effects').orderBy('id').select('name')).map((row) => row.name);

  beforeAll(async () => {
    database = await openDatabase(engine);
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());
  afterEach(() => runner?.close());

  it('runs the steps in order and gives each the results of the earlier ones', async () => {
    const seen: unknown[] = [];
    const saga = defineSaga({
      name: 'in-order',
      version: 1,
      input,
      steps: [
        local('row', async (c) => (await write('row')(), { id: 7, amount: c.input.amount })),
        remote('order', (c) => (seen.push(c.idempotencyKey, c.results.row, c.signal?.aborted), 'o-1')),
        local('complete', (c) => (seen.push(c.results.order), undefined)),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    const done = await runner.start(saga, { amount: 5 });
    expect(done).toMatchObject({
      name: 'in-order',
      version: 1,
      status: 'completed',
      input: { amount: 5 },
      results: { row: { id: 7, amount: 5 }, order: 'o-1' },
      steps: [
        { seq: 0, name: 'row', phase: 'do', status: 'done', attempts: 1 },
        { seq: 1, name: 'order', phase: 'do', status: 'done', attempts: 1 },
        { seq: 2, name: 'complete', phase: 'do', status: 'done', attempts: 1 },
      ],
    });
    expect(done.error).toBeUndefined();
    expect(seen).toEqual([`${done.id}:1`, { id: 7, amount: 5 }, false, 'o-1']);
    expect(await effects()).toEqual(['row']);
    expect(await runner.get(done.id)).toEqual(done);
    expect(await runner.backlog()).toBe(0);
  });

  it('undoes in reverse what was done before a failure and keeps the reason', async () => {
    const undone: unknown[] = [];
    const saga = defineSaga({
      name: 'reverse',
      version: 1,
      input,
      steps: [
        local('row', async () => (await write('row')(), 'r'), {
          undo: (c) => (undone.push(['row', c.result]), write('row undone')()),
        }),
        remote('order', () => ({ id: 'o' }), {
          undo: (c) => void undone.push(['order', c.result, c.idempotencyKey]),
        }),
        remote(
          'charge',
          () => Promise.reject(Object.assign(new Error('card declined'), { code: 'DECLINED' })),
          {
            pivot: true,
            undo: () => void undone.push('charge'),
          },
        ),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    const done = await runner.start(saga, { amount: 5 });
    expect(done).toMatchObject({
      status: 'compensated',
      error: { name: 'Error', message: 'card declined', code: 'DECLINED' },
    });
    expect(undone).toEqual([
      ['order', { id: 'o' }, `${done.id}:1:undo`],
      ['row', 'r'],
    ]);
    expect(await effects()).toEqual(['row', 'row undone']);
    expect(done.steps.map(({ seq, phase, status }) => [seq, phase, status])).toEqual([
      [0, 'do', 'done'],
      [0, 'undo', 'done'],
      [1, 'do', 'done'],
      [1, 'undo', 'done'],
      [2, 'do', 'failed'],
    ]);
  });

  it('is failed when nothing needs undoing, and leaves no row of the step that threw', async () => {
    const saga = defineSaga({
      name: 'nothing-to-undo',
      version: 1,
      input,
      steps: [
        local(
          'row',
          async () => {
            await write('row')();
            throw new Error('no');
          },
          { undo: write('undone') },
        ),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    expect(await runner.start(saga, { amount: 5 })).toMatchObject({
      status: 'failed',
      error: { message: 'no' },
    });
    expect(await effects()).toEqual([]);
  });

  it('undoes a step whose call timed out, because the partner may have acted', async () => {
    const undone: unknown[] = [];
    const saga = defineSaga({
      name: 'timeout',
      version: 1,
      input,
      steps: [
        remote('order', () => new Promise(() => {}), {
          timeoutMs: 30,
          undo: (c) => void undone.push([c.idempotencyKey, 'result' in c]),
        }),
        remote('charge', () => 1, { pivot: true }),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    const done = await runner.start(saga, { amount: 5 });
    expect(done).toMatchObject({ status: 'compensated', error: { name: 'TimeoutError' } });
    expect(done.steps[0]).toMatchObject({ status: 'unknown', attempts: 1 });
    expect(undone).toEqual([[`${done.id}:0:undo`, false]]);
  });

  it.each([
    ['done', 'completed', ['call', 'ask']],
    ['not-done', 'completed', ['call', 'ask', 'call']],
  ] as const)(
    'asks before it chooses a direction when the pivot is unknown: %s',
    async (outcome, status, expected) => {
      const calls: string[] = [];
      const saga = defineSaga({
        name: 'pivot',
        version: 1,
        input,
        steps: [
          local('row', () => 1, { undo: () => void calls.push('undo') }),
          remote(
            'charge',
            (c) => {
              calls.push('call');
              if (c.attempt === 1) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
              return 'charged';
            },
            {
              pivot: true,
              reconcile: () => (
                calls.push('ask'),
                outcome === 'done' ? { outcome, result: 'charged' } : { outcome }
              ),
            },
          ),
        ],
      });
      runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
      expect(await runner.start(saga, { amount: 5 })).toMatchObject({
        status,
        results: { charge: 'charged' },
      });
      expect(calls).toEqual(expected);
    },
  );

  it('turns around when the repeated pivot certainly failed', async () => {
    const calls: string[] = [];
    const saga = defineSaga({
      name: 'pivot-fails-later',
      version: 1,
      input,
      steps: [
        local('row', () => 1, { undo: () => void calls.push('undo') }),
        remote(
          'charge',
          (c) => {
            calls.push('call');
            throw c.attempt === 1
              ? Object.assign(new Error('slow'), { name: 'TimeoutError' })
              : new Error('declined');
          },
          { pivot: true, reconcile: () => ({ outcome: 'not-done' }) },
        ),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    expect(await runner.start(saga, { amount: 5 })).toMatchObject({
      status: 'compensated',
      error: { message: 'declined' },
    });
    expect(calls).toEqual(['call', 'call', 'undo']);
  });

  it('keeps asking while the partner does not know, and never turns around', async () => {
    let asked = 0;
    const saga = defineSaga({
      name: 'keeps-asking',
      version: 1,
      input,
      steps: [
        local('row', () => 1, { undo: write('undone') }),
        remote('charge', () => Promise.reject(Object.assign(new Error('gone'), { code: 'UND_ERR_SOCKET' })), {
          pivot: true,
          reconcile: () => {
            asked += 1;
            if (asked === 1) throw new Error('down');
            if (asked === 2) return 'garbage' as never;
            return asked === 3 ? { outcome: 'unknown' } : { outcome: 'done', result: 9 };
          },
        }),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    const parked = await runner.start(saga, { amount: 5 });
    expect(parked.status).toBe('running');
    const done = await eventually(async () => {
      const now = await runner!.get(parked.id);
      return now?.status === 'completed' && now;
    });
    expect(done.results).toEqual({ row: 1, charge: 9 });
    expect(asked).toBe(4);
    expect(await effects()).toEqual([]);
  });

  it('only goes forward after the pivot', async () => {
    let tries = 0;
    const saga = defineSaga({
      name: 'forward',
      version: 1,
      input,
      steps: [
        remote('charge', () => 'c', { pivot: true, undo: write('never') }),
        local('complete', async () => {
          await write('paid')();
          if ((tries += 1) < 3) throw new Error('not yet');
        }),
        remote('notify', (c) => {
          if (c.attempt < 3) throw new Error('mail is down');
          return c.attempt;
        }),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    const parked = await runner.start(saga, { amount: 5 });
    expect(parked).toMatchObject({ status: 'running', error: { message: 'not yet' } });
    const done = await eventually(async () => {
      const now = await runner!.get(parked.id);
      return now?.status === 'completed' && now;
    });
    expect(done.results.notify).toBe(3);
    expect(done.error).toBeUndefined();
    expect(await effects()).toEqual(['paid']);
  });

  it('is stuck when an undo is exhausted, says so, and goes on when an operator wants it to', async () => {
    const recorded = recordChannels('kit:tx:saga-stuck', 'kit:tx:saga-settled', 'kit:tx:saga-step');
    let broken = true;
    const saga = defineSaga({
      name: 'gets-stuck',
      version: 1,
      input,
      steps: [
        local('first', () => 1, { undo: write('first undone') }),
        remote('order', () => 'o', {
          undo: () => {
            if (broken) throw new Error('order-service is down');
          },
        }),
        local('fails', () => Promise.reject(new Error('why'))),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast, undoAttempts: 3 });
    const { id } = await runner.start(saga, { amount: 5 });
    const stuck = await eventually(async () => (await runner!.list({ status: 'stuck' }))[0]);
    expect(stuck).toMatchObject({ id, error: { message: 'order-service is down' } });
    expect(stuck.steps.find((step) => step.phase === 'undo')).toMatchObject({
      seq: 1,
      status: 'failed',
      attempts: 3,
    });
    expect(
      recorded.events.filter(({ channel }) => channel === 'kit:tx:saga-stuck').map(({ payload }) => payload),
    ).toEqual([{ name: 'gets-stuck', id, step: 'order' }]);
    expect(await effects()).toEqual([]);

    broken = false;
    await runner.resolve(id, { as: 'retry', note: 'order-service is back' });
    const done = await eventually(async () => {
      const now = await runner!.get(id);
      return now?.status === 'compensated' && now;
    });
    expect(done.error).toMatchObject({ message: 'why' });
    expect(await effects()).toEqual(['first undone']);
    const settled = recorded.events
      .filter(({ channel }) => channel === 'kit:tx:saga-settled')
      .map(({ payload }) => payload);
    expect(settled).toMatchObject([
      { name: 'gets-stuck', outcome: 'stuck', durationMs: expect.any(Number) },
      { name: 'gets-stuck', outcome: 'compensated' },
    ]);
    const undos = recorded.events
      .filter(({ payload }) => payload.phase === 'undo')
      .map(({ payload }) => [payload.step, payload.outcome]);
    expect(undos).toEqual([
      ['order', 'failed'],
      ['order', 'failed'],
      ['order', 'failed'],
      ['order', 'done'],
      ['first', 'done'],
    ]);
    recorded.stop();
  });

  it.each(['a\0b', '\ud800', 'x'.repeat(300)])(
    'knows no saga %j, and says so instead of the database',
    async (id) => {
      runner = createSagaRunner(database.tm, { sagas: [], ...fast });
      expect(await runner.get(id)).toBeUndefined();
      await expect(runner.resolve(id, { as: 'retry' })).rejects.toThrow('id must be the id of a saga, got ');
    },
  );

  it('gives one saga for one dedupeKey, and refuses the key with another input', async () => {
    let calls = 0;
    const saga = defineSaga({
      name: 'once',
      version: 1,
      input,
      steps: [remote('call', async () => (calls += 1))],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    const [a, b] = await Promise.all([
      runner.start(saga, { amount: 5 }, { dedupeKey: 'k' }),
      runner.start(saga, { amount: 5 }, { dedupeKey: 'k' }),
    ]);
    expect(a).toEqual(b);
    expect(a.status).toBe('completed');
    expect(calls).toBe(1);
    await expect(runner.start(saga, { amount: 6 }, { dedupeKey: 'k' })).rejects.toMatchObject({
      code: 'KIT_TX_IDEMPOTENCY_MISMATCH',
    });
    expect((await runner.start(saga, { amount: 6 }, { dedupeKey: 'K' })).id).not.toBe(a.id);
  });
});
