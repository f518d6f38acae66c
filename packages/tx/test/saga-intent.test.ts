import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createSagaRunner, defineSaga, local, remote, type SagaRunner } from '../src/index.js';
import { type Database, engines, eventually, openDatabase } from './durable-setup.js';

const input = z.object({});

/** Of a local step, two calls and a local step; PostgreSQL changes saga and steps in one statement. */
const fewStatements = { postgres: 11, mariadb: 22, sqlite: 19 };

describe.each(engines)('the intent of a call, on %s', (engine) => {
  let database: Database;
  let runner: SagaRunner | undefined;
  const quiet = { leaseMs: 60_000, pollMs: 600_000 };
  const write = async () => void (await database.tm.db('effects').insert({ name: 'written' }));
  const steps = () => database.knex('kit_saga_step').orderBy('seq').select('name', 'status');

  beforeAll(async () => {
    database = await openDatabase(engine);
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());
  afterEach(() => runner?.close());

  it('is committed before the call, together with the end of the step before it', async () => {
    const seen: unknown[] = [];
    const saga = defineSaga({
      name: 'intended',
      version: 1,
      input,
      steps: [
        local('row', write),
        remote('order', async () => void seen.push(await steps())),
        remote('charge', async () => void seen.push(await steps())),
        local('complete', write),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...quiet });
    expect((await runner.start(saga, {})).status).toBe('completed');
    expect(seen).toEqual([
      [
        { name: 'row', status: 'done' },
        { name: 'order', status: 'started' },
      ],
      [
        { name: 'row', status: 'done' },
        { name: 'order', status: 'done' },
        { name: 'charge', status: 'started' },
      ],
    ]);
  });

  it('costs no statements of its own', async () => {
    const saga = defineSaga({
      name: 'frugal',
      version: 1,
      input,
      steps: [
        local('row', write),
        remote('order', () => 1),
        remote('charge', () => 2),
        local('complete', write),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...quiet });
    await runner.start(saga, {}, { dedupeKey: 'first' });
    const sent: string[] = [];
    const listen = ({ sql }: { sql: string }) => void sent.push(sql);
    database.knex.client.on('query', listen);
    await runner.start(saga, {}, { dedupeKey: 'second' });
    database.knex.client.removeListener('query', listen);
    expect(sent.length).toBeLessThanOrEqual(fewStatements[engine]);
  });

  it('is not committed by a runner that closes and will not make the call', async () => {
    let calls = 0;
    const saga = defineSaga({
      name: 'closing',
      version: 1,
      input,
      steps: [
        remote('order', () => {
          void runner!.close();
          return 'ordered';
        }),
        remote('charge', () => (calls += 1)),
      ],
    });
    runner = createSagaRunner(database.tm, { sagas: [saga], ...quiet });
    const left = await runner.start(saga, {});
    expect(left).toMatchObject({ status: 'running', results: { order: 'ordered' } });
    expect(await steps()).toEqual([{ name: 'order', status: 'done' }]);
    expect(calls).toBe(0);

    runner = createSagaRunner(database.tm, { sagas: [saga], ...quiet });
    await eventually(async () => (await runner!.get(left.id))!.status === 'completed');
    expect(calls).toBe(1);
  });
});
