import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createSagaRunner, defineSaga, local, remote, type SagaRunner } from '../src/index.js';
import { type Database, eventually, openDatabase } from './durable-setup.js';

const input = z.object({ amount: z.number() });
const fast = { leaseMs: 60_000, pollMs: 20, backoff: { baseMs: 1, maxMs: 5 } };

/** A saga as an instance that was killed leaves it: its lease is over. */
const left = {
  name: 'left',
  version: 1,
  status: 'running',
  next_step: 0,
  fence: 1,
  due_at: 0,
  input: '{"amount":1}',
  input_hash: 'x',
  created_at: 0,
  updated_at: 0,
};

describe('what a runner finds in the tables', () => {
  let database: Database;
  let runner: SagaRunner | undefined;
  beforeAll(async () => {
    database = await openDatabase('sqlite');
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());
  afterEach(() => runner?.close());

  it.each(['started', 'unknown'])(
    'a %s step: it is reconciled, or repeated with the same key',
    async (status) => {
      const calls: string[] = [];
      const saga = defineSaga({
        name: 'left',
        version: 1,
        input,
        steps: [
          remote('repeated', (c) => void calls.push(`call ${c.idempotencyKey} ${c.attempt}`)),
          remote('reconciled', (c) => void calls.push(`call ${c.idempotencyKey}`), {
            reconcile: (c) => (calls.push(`ask ${c.idempotencyKey}`), { outcome: 'done', result: 'found' }),
          }),
        ],
      });
      const step = { phase: 'do', status, attempts: 1, updated_at: 0 };
      await database.knex('kit_saga').insert([
        { ...left, id: 'a' },
        { ...left, id: 'b', next_step: 1 },
      ]);
      await database.knex('kit_saga_step').insert([
        { ...step, saga_id: 'a', seq: 0, name: 'repeated' },
        { ...step, saga_id: 'b', seq: 1, name: 'reconciled' },
      ]);
      runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
      await eventually(async () => (await runner!.list({ status: 'completed' })).length === 2);
      expect(calls.toSorted()).toEqual(['ask b:1', 'call a:0 2', 'call a:1']);
      expect((await runner.get('b'))!.results).toEqual({ reconciled: 'found' });
    },
  );

  it('a damaged row: it is shown with the reason, reported, and the others go on', async () => {
    const errors: unknown[] = [];
    const saga = defineSaga({ name: 'left', version: 1, input, steps: [local('only', () => 1)] });
    await database.knex('kit_saga').insert([
      { ...left, id: 'damaged', input: '{"amount":' },
      { ...left, id: 'whole', due_at: 1 },
    ]);
    const onError = (error: unknown) => errors.push(error);
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast, onError });
    await eventually(async () => (await runner!.get('whole'))?.status === 'completed');
    await eventually(() => errors.length > 0);
    expect(String(errors[0])).toContain(
      'SyntaxError: Saga "left" damaged cannot be read, resolve it by hand',
    );
    const shown = (await runner.list()).find(({ id }) => id === 'damaged');
    expect(shown).toMatchObject({ status: 'running', error: { name: 'SyntaxError' }, steps: [] });
    await runner.resolve('damaged', { as: 'compensated' });
    expect(await runner.get('damaged')).toMatchObject({ status: 'compensated' });
  });
});

describe('what an operator sees', () => {
  let database: Database;
  let runner: SagaRunner | undefined;
  beforeAll(async () => {
    database = await openDatabase('sqlite');
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());
  afterEach(() => runner?.close());

  it('an undo that timed out is unknown, and a stuck saga stays in the backlog until it is resolved', async () => {
    const saga = defineSaga({
      name: 'slow-undo',
      version: 1,
      input,
      steps: [
        remote('order', () => 1, { undo: () => new Promise(() => {}), timeoutMs: 20 }),
        local('fails', () => Promise.reject(new Error('why'))),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast, undoAttempts: 2 });
    const { id } = await runner.start(saga, { amount: 1 });
    const [stuck] = await eventually(async () => {
      const found = await runner!.list({ status: 'stuck' });
      return found.length > 0 && found;
    });
    expect(stuck!.steps.find(({ phase }) => phase === 'undo')).toMatchObject({
      status: 'unknown',
      attempts: 2,
    });
    expect(await runner.backlog()).toBe(1);
    await runner.resolve(id, { as: 'compensated' });
    expect(await runner.backlog()).toBe(0);
  });

  it('start gives the saga as it was parked, also when it is resumed at that very moment', async () => {
    let goOn = () => {};
    const returned = new Promise<void>((resolve) => (goOn = resolve));
    const saga = defineSaga({
      name: 'resumed-at-once',
      version: 1,
      input,
      steps: [
        remote(
          'charge',
          async (c) => {
            if (c.attempt === 1) throw Object.assign(new Error('odd'), { status: 599 });
            await returned;
          },
          { pivot: true, unknown: (error) => (error as { status?: number }).status === 599 },
        ),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast, pollMs: 1 });
    const parked = await runner.start(saga, { amount: 1 });
    goOn();
    expect(parked).toMatchObject({
      status: 'running',
      error: { message: 'odd' },
      steps: [{ seq: 0, status: 'unknown', attempts: 1 }],
    });
    await eventually(async () => (await runner!.get(parked.id))?.status === 'completed');
  });
});
