import type { Knex } from 'knex';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  createIdempotency,
  createInbox,
  createOutbox,
  createOutboxRelay,
  createSagaRunner,
  createTransactionManager,
  defineSaga,
  local,
  migrateTx,
  type OutboxMessage,
  type TransactionManager,
} from '../src/index.js';
import { eventually } from './durable-setup.js';
import { engines, useDatabase } from './support/databases.js';

/** What `knexSnakeCaseMappers` of objection does: columns are snake_case, and camelCase in the code. */
const renaming: Knex.Config = {
  wrapIdentifier: (name, wrap) => wrap(name.replaceAll(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`)),
  postProcessResponse: (response: unknown) =>
    Array.isArray(response) ? response.map(toCamelCase) : toCamelCase(response),
};

function toCamelCase(row: unknown): unknown {
  if (typeof row !== 'object' || row === null) return row;
  if ('rows' in row && Array.isArray(row.rows))
    return Object.assign(row, { rows: row.rows.map(toCamelCase) });
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name.replaceAll(/_(\w)/g, (_, first: string) => first.toUpperCase()),
      value,
    ]),
  );
}

describe.each(engines)('a knex that renames columns on %s', (engine) => {
  const knex = useDatabase(engine).pool(renaming);
  let tm: TransactionManager;

  beforeAll(async () => {
    await migrateTx(knex);
    await knex.schema.createTable('renamed', (table) => {
      table.increments('id');
      table.string('paidBy');
    });
    tm = createTransactionManager({ name: 'renamed', primary: knex });
  });
  afterAll(() => tm.close());

  it('renames them in tm.db, as in plain knex', async () => {
    await tm.run(async () => {
      await tm.db('renamed').insert({ paidBy: 'Ada' });
    });
    expect(await tm.read(() => tm.db('renamed').first())).toEqual({ id: 1, paidBy: 'Ada' });
  });

  it('keeps idempotency keys', async () => {
    const idempotency = createIdempotency(tm);
    const ask = (response: string) => idempotency.run({ key: 'k', body: 1 }, async () => response);
    await ask('first');
    expect(await ask('second')).toEqual({ replayed: true, response: 'first' });
  });

  it('publishes messages under their own ids and in the order of their key, and handles each once', async () => {
    const published: OutboxMessage[] = [];
    const outbox = createOutbox(tm);
    await tm.run(async () => {
      for (const n of [1, 2, 3]) await outbox.add('t', n, { key: 'k', messageId: `m${n}` });
    });
    await using _relay = createOutboxRelay(tm, {
      publish: async (batch) => void published.push(...batch),
      pollMs: 20,
    });
    await eventually(async () => (await outbox.backlog()) === 0);
    expect(published.map(({ id, key, payload }) => [id, key, payload])).toEqual([
      ['m1', 'k', 1],
      ['m2', 'k', 2],
      ['m3', 'k', 3],
    ]);
    const once = () => createInbox(tm).once('consumer', 'm1', async () => 'done');
    expect(await once()).toEqual({ status: 'handled', result: 'done' });
    expect(await once()).toEqual({ status: 'duplicate' });
  });

  it('knows a saga again by its dedupe key, and what became of its steps', async () => {
    const saga = defineSaga({
      name: 'renamed',
      version: 1,
      input: z.object({}),
      steps: [local('first', async () => 1), local('second', async () => 2)],
    });
    await using sagas = createSagaRunner(tm, { sagas: [saga] });
    const started = await sagas.start(saga, {}, { dedupeKey: 'd' });
    expect(await sagas.start(saga, {}, { dedupeKey: 'd' })).toEqual(started);
    expect(await sagas.get(started.id)).toMatchObject({
      status: 'completed',
      results: { first: 1, second: 2 },
    });
  });
});
