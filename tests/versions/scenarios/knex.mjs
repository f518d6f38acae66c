import assert from 'node:assert/strict';
import { createHealth, knexCheck, outboxCheck, sagaCheck } from '@kit/health';
import { createMetrics, instrumentKnex } from '@kit/metrics';
import {
  createIdempotency,
  createOutbox,
  createOutboxRelay,
  createSagaRunner,
  createTransactionManager,
  defineSaga,
  isUnexpectedRollbackError,
  local,
  migrateTx,
  remote,
} from '@kit/tx';
import knexFactory from 'knex';
import promClient from 'prom-client';
import { z } from 'zod';

const engines = {
  sqlite: () =>
    knexFactory({ client: 'better-sqlite3', connection: { filename: ':memory:' }, useNullAsDefault: true }),
  postgres: () =>
    knexFactory({
      client: 'pg',
      connection: process.env.POSTGRES_URL,
      searchPath: [process.env.SCHEMA],
      pool: { min: 0, max: 5 },
    }),
};

for (const [name, connect] of Object.entries(engines)) {
  const knex = connect();
  if (name === 'postgres') await knex.raw('create schema ??', [process.env.SCHEMA]);
  const tm = createTransactionManager({ name, primary: knex });
  const metrics = createMetrics({ client: promClient, defaultMetrics: false });
  const health = createHealth();
  instrumentKnex(metrics, knex, { name });
  await migrateTx(knex);
  await knex.schema.createTable('account', (table) => {
    table.string('id').primary();
    table.integer('balance');
  });

  health.add(knexCheck(knex));
  await transactions(tm);
  await durable(tm, health);

  const report = await health.report();
  assert.equal(report.status, 'healthy', JSON.stringify(report));
  assert.match(await metrics.registry.metrics(), /db_/);
  metrics.close();
  await health.close();
  await tm.close();
  await knex.destroy();
  console.log(`${name}: ok`);
}

async function transactions(tm) {
  const balanceOf = async (id) => (await tm.read(() => tm.db('account').where({ id }).first()))?.balance;
  let committed = 0;
  await tm.run({ isolation: 'serializable' }, async () => {
    await tm.db('account').insert({ id: 'a', balance: 100 });
    tm.afterCommit(() => (committed += 1));
  });
  assert.equal(committed, 1);
  await assert.rejects(
    tm.run(async () => {
      await tm.db('account').where({ id: 'a' }).update({ balance: 0 });
      throw new Error('no');
    }),
    /no/,
  );
  assert.equal(await balanceOf('a'), 100);
  await tm.run(async () => {
    await tm.db('account').where({ id: 'a' }).update({ balance: 90 });
    const nested = tm.run({ propagation: 'NESTED' }, async () => {
      await tm.db('account').where({ id: 'a' }).update({ balance: 1 });
      throw new Error('only the savepoint');
    });
    await assert.rejects(nested, /savepoint/);
  });
  assert.equal(await balanceOf('a'), 90);
  const swallowed = tm.run(async () => {
    await tm.run(async () => Promise.reject(new Error('inner'))).catch(() => {});
  });
  await assert.rejects(swallowed, (error) => isUnexpectedRollbackError(error));
  await assert.rejects(tm.read(() => tm.db('account').insert({ id: 'b', balance: 1 })));
}

async function durable(tm, health) {
  const outbox = createOutbox(tm);
  const charged = new Set();
  const pay = defineSaga({
    name: 'pay',
    version: 1,
    input: z.object({ id: z.string(), fails: z.boolean() }),
    steps: [
      remote('charge', async ({ idempotencyKey }) => charged.add(idempotencyKey).size, {
        undo: async ({ idempotencyKey }) => charged.delete(idempotencyKey),
      }),
      local('book', async ({ input }) => {
        if (input.fails) throw new Error('refused');
        await tm.db('account').insert({ id: input.id, balance: 5 });
        await outbox.add('paid', { id: input.id });
      }),
    ],
  });
  const published = [];
  const relay = createOutboxRelay(tm, {
    publish: async (batch) => void published.push(...batch.map(({ payload }) => payload.id)),
  });
  const sagas = createSagaRunner(tm, { sagas: [pay] });
  health.add(sagaCheck(sagas, { name: 'sagas' }));
  health.add(outboxCheck(outbox, { name: 'outbox' }));
  const first = await sagas.start(pay, { id: 'p1', fails: false }, { dedupeKey: 'p1' });
  const again = await sagas.start(pay, { id: 'p1', fails: false }, { dedupeKey: 'p1' });
  assert.equal(first.status, 'completed');
  assert.equal(again.id, first.id);
  assert.equal((await sagas.start(pay, { id: 'p2', fails: true })).status, 'compensated');
  await assert.rejects(sagas.start(pay, { id: 7 }), /KIT_TX_SAGA_INPUT|input/);
  for (let round = 0; round < 1_200 && published.length === 0; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.deepEqual(published, ['p1']);

  const idempotency = createIdempotency(tm);
  let calls = 0;
  const once = () => idempotency.run({ key: 'k-1', body: { a: 1 } }, async () => ({ call: (calls += 1) }));
  assert.deepEqual([(await once()).response, (await once()).response], [{ call: 1 }, { call: 1 }]);
  await sagas.close();
  await relay.close();
}
