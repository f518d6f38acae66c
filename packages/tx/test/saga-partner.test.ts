import { recordChannels } from 'kit-tooling/channels';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createSagaRunner, defineSaga, local, remote, type SagaRunner } from '../src/index.js';
import { type Database, eventually, openDatabase } from './durable-setup.js';

const input = z.object({});
const reset = () => Object.assign(new Error('reset'), { code: 'ECONNRESET' });

/** What a saga makes of a partner's answers does not depend on the database. */
describe('a saga and its partners', () => {
  let database: Database;
  let runner: SagaRunner | undefined;
  const fast = { pollMs: 20, backoff: { baseMs: 1, maxMs: 5 } };
  beforeAll(async () => {
    database = await openDatabase('sqlite');
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());
  afterEach(() => runner?.close());

  const effects = () => database.knex('effects').orderBy('id').pluck('name');
  const write = async (name: string) => void (await database.tm.db('effects').insert({ name }));
  const settled = (id: string, status: string) =>
    eventually(async () => {
      const now = await runner!.get(id);
      return now?.status === status && now;
    });
  const failing = () => local('fails', () => Promise.reject(new Error('why')));
  /** A pivot whose call gets lost, so that only `reconcile` can tell. */
  const lostPivot = (reconcile: () => unknown, timeoutMs?: number) =>
    defineSaga({
      name: 'lost-pivot',
      version: 1,
      input,
      steps: [
        remote('charge', () => Promise.reject(reset()), {
          pivot: true,
          reconcile: reconcile as never,
          ...(timeoutMs && { timeoutMs }),
        }),
      ],
    });

  it('a first call that a breaker refused was never made: nothing is undone', async () => {
    const undone: string[] = [];
    const saga = defineSaga({
      name: 'refused',
      version: 1,
      input,
      steps: [
        remote(
          'order',
          () => Promise.reject(Object.assign(new Error('open'), { code: 'KIT_BREAKER_OPEN' })),
          { undo: () => void undone.push('order') },
        ),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    expect(await runner.start(saga, {})).toMatchObject({
      status: 'failed',
      steps: [{ name: 'order', status: 'failed' }],
    });
    expect(undone).toEqual([]);
  });

  it('asking is bounded by timeoutMs like the call itself, and asked again later', async () => {
    let asked = 0;
    const saga = lostPivot(() => {
      asked += 1;
      return asked === 1 ? new Promise(() => {}) : { outcome: 'done', result: 'charged' };
    }, 30);
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    const parked = await runner.start(saga, {});
    expect(parked).toMatchObject({ status: 'running', error: { name: 'TimeoutError' } });
    expect((await settled(parked.id, 'completed')).results).toEqual({ charge: 'charged' });
  });

  it.each<[string, unknown, string]>([
    [
      'nothing',
      undefined,
      "reconcile of step \"charge\" must answer { outcome: 'done' | 'not-done' | 'unknown' }",
    ],
    ['an answer of its own', { outcome: 'maybe' }, 'reconcile of step "charge" must answer'],
    ['unknown', { outcome: 'unknown' }, 'the partner of step "charge" does not know the outcome either'],
    ['a result JSON cannot hold', { outcome: 'done', result: 1n }, 'the result of step "charge"'],
  ])('%s from reconcile leaves the saga waiting, with the reason', async (_what, answer, message) => {
    const saga = lostPivot(() => answer);
    runner = createSagaRunner(database.tm, { sagas: [saga], pollMs: 600_000, backoff: { baseMs: 60_000 } });
    const parked = await runner.start(saga, {});
    expect(parked).toMatchObject({
      status: 'running',
      error: { message: expect.stringContaining(message) },
      steps: [{ name: 'charge', status: 'unknown', attempts: 1 }],
    });
  });

  it('what reconcile found out is told like the end of a call', async () => {
    const recorded = recordChannels('kit:tx:saga-step');
    let asked = 0;
    const saga = lostPivot(() => ({ outcome: (asked += 1) === 1 ? 'unknown' : 'done' }));
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    await settled((await runner.start(saga, {})).id, 'completed');
    recorded.stop();
    expect(recorded.events.map(({ payload }) => [payload.step, payload.phase, payload.outcome])).toEqual([
      ['charge', 'do', 'unknown'],
      ['charge', 'do', 'unknown'],
      ['charge', 'do', 'done'],
    ]);
  });

  it('a local undo that fails leaves nothing of itself, and is repeated', async () => {
    const saga = defineSaga({
      name: 'undo-fails',
      version: 1,
      input,
      steps: [
        local('row', () => write('row'), {
          async undo({ attempt }) {
            await write(`undone at ${attempt}`);
            if (attempt === 1) throw new Error('not yet');
          },
        }),
        failing(),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    const { id } = await runner.start(saga, {});
    expect(await settled(id, 'compensated')).toMatchObject({ error: { message: 'why' } });
    expect(await effects()).toEqual(['row', 'undone at 2']);
  });

  it('the row of an undo that failed keeps why', async () => {
    const saga = defineSaga({
      name: 'undo-refused',
      version: 1,
      input,
      steps: [
        remote('order', () => 1, { undo: () => Promise.reject(new Error('order-service is down')) }),
        failing(),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast, undoAttempts: 1 });
    const { id } = await runner.start(saga, {});
    const row = await database.knex('kit_saga_step').where({ saga_id: id, phase: 'undo' }).first();
    expect(JSON.parse(row.error)).toEqual({ name: 'Error', message: 'order-service is down' });
  });

  it.each<[string, () => unknown]>([
    ['completed', () => 'receipt'],
    ['compensated', () => Promise.reject(new Error('declined'))],
  ])('tells of its last step before it tells that it is %s', async (outcome, last) => {
    const recorded = recordChannels('kit:tx:saga-settled', 'kit:tx:saga-step');
    const saga = defineSaga({
      name: 'told-in-order',
      version: 1,
      input,
      steps: [local('row', () => 1, { undo: () => {} }), local('last', last)],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    await runner.start(saga, {});
    recorded.stop();
    const told = recorded.events.map(({ payload }) => payload.step ?? payload.outcome);
    expect(told).toEqual(
      outcome === 'completed' ? ['row', 'last', outcome] : ['row', 'last', 'row', outcome],
    );
  });

  it('tells how long it took, from its start, whoever ended it', async () => {
    const recorded = recordChannels('kit:tx:saga-settled', 'kit:tx:saga-step');
    const saga = defineSaga({
      name: 'timed',
      version: 1,
      input,
      steps: [remote('slow', () => new Promise((resolve) => setTimeout(resolve, 40)))],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast });
    const startedAt = performance.now();
    await runner.start(saga, {});
    const tookMs = performance.now() - startedAt;
    await database.knex('kit_saga').insert({
      id: 'left', name: 'timed', version: 1, status: 'running', next_step: 0, fence: 1, due_at: 0, input: '{}',
      input_hash: 'x', created_at: Date.now() - 3_600_000, updated_at: 0,
    }); // prettier-ignore
    await eventually(() => recorded.events.length === 4);
    recorded.stop();
    const timesOf = (channel: string) =>
      recorded.events
        .filter((event) => event.channel === channel)
        .map(({ payload }) => payload.durationMs as number);
    const [[step], [own, taken]] = [timesOf('kit:tx:saga-step'), timesOf('kit:tx:saga-settled')];
    for (const durationMs of [step!, own!]) {
      expect(durationMs).toBeGreaterThan(30);
      // The clock of the rows has whole milliseconds.
      expect(durationMs).toBeLessThanOrEqual(tookMs + 2);
    }
    expect(taken).toBeGreaterThan(3_600_000);
    expect(taken).toBeLessThan(3_700_000);
  });

  it('waits between half of and the whole of baseMs * 2^n, at most maxMs', async () => {
    const saga = defineSaga({
      name: 'waits',
      version: 1,
      input,
      steps: [
        remote('pivot', () => 1, { pivot: true }),
        remote('later', () => Promise.reject(new Error('down'))),
      ],
    });
    const row = {
      name: 'waits', version: 1, status: 'running', next_step: 1, fence: 1, due_at: 0, input: '{}',
      input_hash: 'x', created_at: 0, updated_at: 0,
    }; // prettier-ignore
    await database.knex('kit_saga').insert([
      { ...row, id: 'first', retries: 0 },
      { ...row, id: 'third', retries: 2 },
      { ...row, id: 'tenth', retries: 9 },
    ]);
    const before = Date.now();
    const backoff = { baseMs: 100_000, maxMs: 1_000_000 };
    runner = createSagaRunner(database.tm, { sagas: [saga], pollMs: 600_000, backoff });
    const dueOf = async (id: string) =>
      Number((await database.knex('kit_saga').where({ id, owner: null }).first())?.due_at);
    for (const [id, longest] of Object.entries({ first: 100_000, third: 400_000, tenth: 1_000_000 })) {
      const due = await eventually(async () => (await dueOf(id)) || undefined);
      // The clock is the database's, which runs here.
      expect(due - before).toBeGreaterThanOrEqual(longest / 2 - 2);
      expect(due - Date.now()).toBeLessThanOrEqual(longest + 2);
    }
  });
});
