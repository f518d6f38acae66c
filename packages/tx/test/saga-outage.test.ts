import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createSagaRunner, defineSaga, local, remote, type SagaRunner } from '../src/index.js';
import { type Database, eventually, openDatabase } from './durable-setup.js';

const input = z.object({});

describe('a saga whose own database goes away and comes back', () => {
  let database: Database;
  let runner: SagaRunner | undefined;
  const options = { leaseMs: 60_000, pollMs: 50, backoff: { baseMs: 20, maxMs: 100 } };
  beforeAll(async () => {
    database = await openDatabase('postgres');
    database.knex.client.on('error', () => {});
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());
  afterEach(() => runner?.close());

  it('tries a local step again instead of undoing what was done', async () => {
    let attempts = 0;
    const saga = defineSaga({
      name: 'local-outage',
      version: 1,
      input,
      steps: [
        local('first', () => 1, { undo: () => expect.unreachable() }),
        local('second', async () => {
          attempts += 1;
          await database.tm.db('effects').insert({ name: 'second' });
          if (attempts === 1) await database.server!.restart();
          await database.tm.db('effects').insert({ name: 'second, too' });
        }),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...options });
    const { id } = await runner.start(saga, {});
    await eventually(async () => (await runner!.get(id))?.status === 'completed');
    expect(attempts).toBe(2);
    expect(await database.knex('effects').orderBy('id').pluck('name')).toEqual(['second', 'second, too']);
  });

  it('records the answer of a call that came while the database was away', async () => {
    let calls = 0;
    const saga = defineSaga({
      name: 'remote-outage',
      version: 1,
      input,
      steps: [
        remote(
          'charge',
          async () => {
            calls += 1;
            await database.server!.kill();
            void database.server!.restart();
            return 'receipt';
          },
          { pivot: true },
        ),
        remote('after', (c) => c.results.charge),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...options });
    const done = await runner.start(saga, {});
    expect(done).toMatchObject({ status: 'completed', results: { charge: 'receipt', after: 'receipt' } });
    expect(calls).toBe(1);
  });

  it('reports a poll that failed, and polls on', async () => {
    const errors: unknown[] = [];
    const saga = defineSaga({ name: 'polls-on', version: 1, input, steps: [local('only', () => 1)] });
    runner = createSagaRunner(database.tm, {
      sagas: [saga],
      ...options,
      onError: (error) => {
        errors.push(error);
        throw new Error('a listener that throws changes nothing');
      },
    });
    await database.server!.kill();
    await eventually(() => errors.length > 0);
    await database.server!.restart();
    const row = {
      id: 'left-behind',
      name: 'polls-on',
      version: 1,
      status: 'running',
      next_step: 0,
      fence: 1,
      due_at: 0,
    };
    await eventually(() =>
      database
        .knex('kit_saga')
        .insert({ ...row, input: '{}', input_hash: 'x', created_at: 0, updated_at: 0 })
        .then(
          () => true,
          () => false,
        ),
    );
    await eventually(async () => (await runner!.get('left-behind'))?.status === 'completed');
  });
});
