import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  createOutboxRelay,
  createIdempotency,
  createInbox,
  createOutbox,
  createSagaRunner,
  defineSaga,
  isSagaInputError,
  local,
  remote,
  type SagaRunner,
} from '../src/index.js';
import { type Database, openDatabase } from './durable-setup.js';

const input = z.object({ amount: z.number() });
const step = local('a', () => 1);
const saga = defineSaga({ name: 'simple', version: 1, input, steps: [step] });

describe('what a saga refuses at its definition', () => {
  it.each<[string, () => unknown, string]>([
    [
      'a step without a name',
      () => local('', () => 1),
      'step name must be a string of 1 to 100 characters, got ""',
    ],
    ['a step without a function', () => local('a', 1 as never), 'step "a" must have a function, got number'],
    [
      'an undo that is none',
      () => local('a', () => 1, { undo: 1 as never }),
      'undo must be a function, got number',
    ],
    [
      'a call that may take no time',
      () => remote('a', () => 1, { timeoutMs: 0 }),
      'timeoutMs must be > 0 and < 2^31, got 0',
    ],
    [
      'a reconcile that is none',
      () => remote('a', () => 1, { reconcile: {} as never }),
      'reconcile must be a function',
    ],
    [
      'an unknown that is none',
      () => remote('a', () => 1, { unknown: {} as never }),
      'unknown must be a function',
    ],
    [
      'a pivot that is no yes or no',
      () => local('a', () => 1, { pivot: 'yes' as never }),
      'pivot must be a boolean, got "yes"',
    ],
    [
      'options of a step that are none',
      () => remote('a', () => 1, null as never),
      'options must be an object, got null',
    ],
    ['no saga', () => defineSaga(undefined as never), 'saga must be an object, got undefined'],
    ['no name', () => defineSaga({ name: '', version: 1, input, steps: [step] }), 'name must be'],
    [
      'version 0',
      () => defineSaga({ name: 's', version: 0, input, steps: [step] }),
      'version must be an integer >= 1, got 0',
    ],
    [
      'no schema',
      () => defineSaga({ name: 's', version: 1, input: {} as never, steps: [step] }),
      'input must be a Standard Schema',
    ],
    [
      'no steps',
      () => defineSaga({ name: 's', version: 1, input, steps: [] }),
      'steps must be a list of at least one step',
    ],
    [
      'steps of its own make',
      () => defineSaga({ name: 's', version: 1, input, steps: [{} as never] }),
      'made by local() or remote()',
    ],
    [
      'two steps of one name',
      () => defineSaga({ name: 's', version: 1, input, steps: [step, step] }),
      'got a twice',
    ],
    [
      'two pivots',
      () =>
        defineSaga({
          name: 's',
          version: 1,
          input,
          steps: [local('a', () => 1, { pivot: true }), local('b', () => 1, { pivot: true })],
        }),
      'steps must have at most one pivot',
    ],
  ])('%s', (_what, define, message) => {
    expect(define).toThrow(message);
  });
});

describe('what the factories refuse', () => {
  let database: Database;
  let runner: SagaRunner | undefined;
  beforeAll(async () => {
    database = await openDatabase('sqlite');
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());
  afterEach(() => runner?.close());

  it.each<[Record<string, unknown>, string]>([
    [{ sagas: 1 }, 'sagas must be a list of defineSaga(…), got number'],
    [{ sagas: [{}] }, 'sagas must be made by defineSaga()'],
    [{ sagas: [saga, saga] }, 'sagas must differ in name or version, got "simple" version 1 twice'],
    [{ sagas: [], leaseMs: 0 }, 'leaseMs must be >= 30 and < 2^31 milliseconds, got 0'],
    [{ sagas: [], pollMs: Infinity }, 'pollMs must be >= 1'],
    [{ sagas: [], concurrency: 0 }, 'concurrency must be an integer >= 1, got 0'],
    [{ sagas: [], undoAttempts: 1.5 }, 'undoAttempts must be an integer >= 1, got 1.5'],
    [{ sagas: [], backoff: 5 }, 'backoff must be an object, got 5'],
    [{ sagas: [], backoff: { baseMs: 0 } }, 'backoff.baseMs must be >= 1'],
    [{ sagas: [], backoff: { baseMs: 10, maxMs: 5 } }, 'backoff.maxMs must be >= 10'],
    [{ sagas: [], onError: 1 }, 'onError must be a function, got number'],
  ])('createSagaRunner %j', (options, message) => {
    expect(() => createSagaRunner(database.tm, options as never)).toThrow(message);
  });

  it.each<[Record<string, unknown>, string]>([
    [{}, 'publish must be a function, got undefined'],
    [null as never, 'options must be an object, got null'],
    [{ publish: async () => {}, backoff: 5 }, 'backoff must be an object, got 5'],
    [{ publish: async () => {}, batchSize: 0 }, 'batchSize must be an integer >= 1, got 0'],
    [{ publish: async () => {}, maxAttempts: 0 }, 'maxAttempts must be an integer >= 1, got 0'],
    [{ publish: async () => {}, pollMs: 0 }, 'pollMs must be >= 1'],
    [{ publish: async () => {}, leaseMs: 1 }, 'leaseMs must be >= 30'],
    [{ publish: async () => {}, onError: 'x' }, 'onError must be a function, got string'],
  ])('createOutboxRelay %j', (options, message) => {
    expect(() => createOutboxRelay(database.tm, options as never)).toThrow(message);
  });

  it.each([
    [null as never, 'options must be an object, got null'],
    [{ leaseMs: 1 }, 'leaseMs must be >= 30'],
    [{ ttlMs: 0 }, 'ttlMs must be >= 1'],
  ])('createIdempotency %j', (options, message) => {
    expect(() => createIdempotency(database.tm, options)).toThrow(message);
  });

  it.each<[string, (sagas: SagaRunner) => Promise<unknown>, string]>([
    ['start without a saga', (s) => s.start(undefined as never, {}), 'saga must be an object, got undefined'],
    [
      'start of what is no saga',
      (s) => s.start({} as never, {}),
      'sagas must contain what is started, got undefined version undefined',
    ],
    [
      'start with options null',
      (s) => s.start(saga, { amount: 1 }, null as never),
      'options must be an object, got null',
    ],
    [
      'start with a dedupeKey that has NUL',
      (s) => s.start(saga, { amount: 1 }, { dedupeKey: 'a\0' }),
      'dedupeKey must be well-formed text without NUL',
    ],
    ['get of a number', (s) => s.get(5 as never), 'id must be a string, got 5'],
    ['list with options null', (s) => s.list(null as never), 'options must be an object, got null'],
    [
      'list of an unknown status',
      (s) => s.list({ status: 'done' as never }),
      'status must be one of running, completed, compensating, compensated, failed, stuck, got "done"',
    ],
    ['list of a part of a saga', (s) => s.list({ limit: 0.5 }), 'limit must be an integer >= 1, got 0.5'],
    ['resolve of a number', (s) => s.resolve(5 as never, { as: 'retry' }), 'id must be a string, got 5'],
    [
      'resolve without a word',
      (s) => s.resolve('x', undefined as never),
      'resolution must be an object, got undefined',
    ],
    [
      'resolve with a note that is none',
      (s) => s.resolve('x', { as: 'retry', note: 5 as never }),
      'note must be a string, got 5',
    ],
  ])('%s', async (_what, call, message) => {
    runner = createSagaRunner(database.tm, { sagas: [saga] });
    await expect(call(runner)).rejects.toThrow(message);
    expect(await database.knex('kit_saga')).toEqual([]);
  });

  it.each<[string, (tm: never) => unknown]>([
    ['createOutbox', createOutbox],
    ['createInbox', createInbox],
    ['createIdempotency', createIdempotency],
    ['createSagaRunner', (tm) => createSagaRunner(tm, { sagas: [] })],
    ['createOutboxRelay', (tm) => createOutboxRelay(tm, { publish: async () => {} })],
  ])('%s without a manager', (_what, make) => {
    for (const [tm, shown] of [
      [undefined, 'undefined'],
      [null, 'null'],
      [{}, 'an object'],
    ])
      expect(() => make(tm as never)).toThrow(
        `manager must come from createTransactionManager, got ${shown as string}`,
      );
  });

  it('an input that does not fit the schema, before anything is stored', async () => {
    runner = createSagaRunner(database.tm, { sagas: [saga] });
    const refused = await runner.start(saga, { amount: 'x' as never }).catch((error: unknown) => error);
    expect(isSagaInputError(refused)).toBe(true);
    expect(refused).toMatchObject({ code: 'KIT_TX_SAGA_INPUT', status: 400, issues: [{ path: ['amount'] }] });
    expect(String(refused)).toContain('The input of saga "simple" does not fit its schema: amount: ');
    expect(await database.knex('kit_saga')).toEqual([]);
  });

  it('an input that JSON cannot hold', async () => {
    const wide = defineSaga({ name: 'wide', version: 1, input: z.any(), steps: [step] });
    runner = createSagaRunner(database.tm, { sagas: [wide] });
    await expect(runner.start(wide, { n: 1n })).rejects.toThrow(
      'the input of saga "wide" must be something JSON can hold',
    );
    expect(await database.knex('kit_saga')).toEqual([]);
  });

  it('a saga that the runner does not know, a start inside a transaction and after close, a wrong key', async () => {
    runner = createSagaRunner(database.tm, { sagas: [] });
    await expect(runner.start(saga, { amount: 1 })).rejects.toThrow('got "simple" version 1');
    await runner.close();
    await expect(runner.start(saga, { amount: 1 })).rejects.toMatchObject({ code: 'KIT_TX_CLOSED' });
    runner = createSagaRunner(database.tm, { sagas: [saga] });
    await expect(runner.start(saga, { amount: 1 }, { dedupeKey: '' })).rejects.toThrow('dedupeKey must be');
    await expect(database.tm.run(() => runner!.start(saga, { amount: 1 }))).rejects.toMatchObject({
      code: 'KIT_TX_PROPAGATION',
    });
  });
});
