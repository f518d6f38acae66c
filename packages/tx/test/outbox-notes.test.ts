import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOutbox, createOutboxRelay, type OutboxRelay } from '../src/index.js';
import { type Database, eventually, openDatabase } from './durable-setup.js';

describe('a relay on PostgreSQL', () => {
  let database: Database;
  let relay: OutboxRelay;
  const published: unknown[] = [];
  const errors: unknown[] = [];
  const add = (payload: unknown) =>
    database.tm.run(async () => void (await createOutbox(database.tm).add('t', payload)));

  beforeAll(async () => {
    database = await openDatabase('postgres');
    // Another instance, as far as it can tell, and one that practically never polls.
    relay = createOutboxRelay(database.another().tm, {
      pollMs: 3_600_000,
      publish: async (batch) => void published.push(...batch.map(({ payload }) => payload)),
      onError: (error) => errors.push(error),
    });
    await eventually(async () => {
      const listening = await database.knex('pg_stat_activity').where('query', 'like', 'LISTEN kit_outbox%');
      return listening.length > 0;
    });
  });
  afterAll(async () => {
    await relay.close();
    await database.close();
  });

  it('is woken by the commit of another instance', async () => {
    await add('noted');
    await eventually(() => published.length === 1);
    expect(published).toEqual(['noted']);
  });

  it('listens again after the server was restarted, and finds what came meanwhile', async () => {
    await database.server!.restart();
    await eventually(() => add('meanwhile').then(() => true, () => false)); // prettier-ignore
    await eventually(() => published.includes('meanwhile'));
    await add('afterwards');
    await eventually(() => published.includes('afterwards'));
    expect(errors.length).toBeGreaterThan(0);
  });
});
