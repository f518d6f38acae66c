import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createSagaRunner, defineSaga, local, remote, type SagaRunner } from '../src/index.js';
import { type Database, engines, eventually, openDatabase } from './durable-setup.js';

const input = z.object({ amount: z.number() });
const fast = { leaseMs: 60_000, pollMs: 20, backoff: { baseMs: 5, maxMs: 40 } };

describe.each(engines)('several instances on %s', (engine) => {
  let database: Database;
  let runner: SagaRunner | undefined;

  beforeAll(async () => {
    database = await openDatabase(engine);
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());
  afterEach(() => runner?.close());

  it('parks a saga of another version with an explicit error, and goes on once that version is back', async () => {
    const at = (version: number, broken: boolean) =>
      defineSaga({
        name: 'versioned',
        version,
        input,
        steps: [
          remote('charge', () => 1, { pivot: true }),
          local('after', () => {
            if (broken) throw new Error('crashed here');
          }),
        ],
      });
    runner = createSagaRunner(database.tm, { sagas: [at(1, true)], ...fast });
    const { id } = await runner.start(at(1, true), { amount: 1 });
    await runner.close();
    runner = createSagaRunner(database.tm, { sagas: [at(2, false)], ...fast });
    const found = await runner.get(id);
    expect(found).toMatchObject({
      status: 'running',
      version: 1,
      error: { name: 'SagaVersionError', code: 'KIT_TX_SAGA_VERSION' },
    });
    await runner.close();
    runner = createSagaRunner(database.tm, { sagas: [], ...fast });
    expect((await runner.list())[0]).toMatchObject({ id, error: { code: 'KIT_TX_SAGA_VERSION' } });
    await runner.close();
    runner = createSagaRunner(database.tm, { sagas: [at(1, false), at(2, false)], ...fast });
    await eventually(async () => (await runner!.get(id))?.status === 'completed');
  });

  it('leaves the sagas of others alone where it knows none itself', async () => {
    const waiting = defineSaga({
      name: 'waiting',
      version: 1,
      input,
      steps: [
        remote(
          'ask',
          () => {
            throw new TypeError('not now');
          },
          { pivot: true, unknown: () => true },
        ),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [waiting], ...fast });
    const { id } = await runner.start(waiting, { amount: 1 });
    await runner.close();
    const row = () => database.knex('kit_saga').where({ id }).first('fence', 'owner', 'due_at');
    await database.knex('kit_saga').where({ id }).update({ due_at: 0 });
    const before: unknown = await row();
    let polls = 0;
    const count = ({ sql }: { sql: string }) =>
      void (polls += /select .id. from .kit_saga./.test(sql) ? 1 : 0);
    database.knex.on('query', count);
    const errors: unknown[] = [];
    runner = createSagaRunner(database.tm, { sagas: [], ...fast, onError: (error) => errors.push(error) });
    await eventually(() => polls >= 3);
    await runner.close();
    database.knex.off('query', count);
    expect(errors).toEqual([]);
    expect(await row()).toEqual(before);
  });

  it('shares the work of several instances, each saga once', async () => {
    const seen: string[] = [];
    const saga = defineSaga({
      name: 'shared',
      version: 1,
      input,
      steps: [
        remote(
          'gate',
          (c) => {
            if (c.attempt === 1) throw Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
            seen.push(c.sagaId);
          },
          { pivot: true },
        ),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast, backoff: { baseMs: 60, maxMs: 60 } });
    const others = [1, 2].map(() =>
      createSagaRunner(database.another().tm, { sagas: [saga], ...fast, concurrency: 2 }),
    );
    for (let n = 0; n < 12; n += 1) await runner.start(saga, { amount: n });
    await eventually(async () => (await runner!.backlog()) === 0);
    expect(seen.toSorted()).toEqual([...new Set(seen)].toSorted());
    expect(seen).toHaveLength(12);
    for (const other of others) await other.close();
  });
});

// On SQLite the one writer is inside the step: nobody can take anything over.
describe.each(engines.filter((engine) => engine !== 'sqlite'))('a slow instance on %s', (engine) => {
  let database: Database;
  let runner: SagaRunner | undefined;
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

  it('loses the lease to another instance, and nothing of the slow one is recorded', async () => {
    let release: (() => void) | undefined;
    const saga = defineSaga({
      name: 'taken-over',
      version: 1,
      input,
      steps: [
        local(
          'slow',
          async () => (await new Promise<void>((resolve) => (release = resolve)), write('slow')()),
        ),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...fast, leaseMs: 60_000 });
    const started = runner.start(saga, { amount: 1 });
    started.catch(() => {});
    await eventually(() => release !== undefined);
    await database.knex('kit_saga').update({ fence: 2 });
    release!();
    await expect(started).rejects.toMatchObject({ code: 'KIT_TX_LEASE_LOST', name: 'LeaseLostError' });
    expect(await effects()).toEqual([]);
  });
});
