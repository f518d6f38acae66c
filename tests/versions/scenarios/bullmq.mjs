import assert from 'node:assert/strict';
import { createMetrics, instrumentQueue } from '@kit/metrics';
import { createSagaRunner, createTransactionManager, defineSaga, local, migrateTx } from '@kit/tx';
import { createBullmqDispatch, createBullmqPublisher } from '@kit/tx/bullmq';
import { Queue } from 'bullmq';
import knexFactory from 'knex';
import promClient from 'prom-client';
import { z } from 'zod';

const { hostname: host, port } = new URL(process.env.REDIS_URL);
const connection = { host, port: Number(port) };
const queue = new Queue(`events-${process.env.SCHEMA}`, { connection });
const metrics = createMetrics({ client: promClient, defaultMetrics: false });
instrumentQueue(metrics, queue);

const publish = createBullmqPublisher({ queue });
const message = { id: 'm:1', topic: 'paid', key: 'a', payload: { amount: 5 }, headers: {} };
await publish([message]);
await publish([message]);
const jobs = await queue.getJobs(['waiting']);
assert.equal(jobs.length, 1, 'a message that comes twice is one job');
assert.deepEqual(jobs[0].data.payload, { amount: 5 });

// A saga whose step fails behind the pivot is brought back by BullMQ, not by polling.
const knex = knexFactory({
  client: 'better-sqlite3',
  connection: { filename: ':memory:' },
  useNullAsDefault: true,
});
await migrateTx(knex);
const tm = createTransactionManager({ name: 'jobs', primary: knex });
let attempts = 0;
const flaky = defineSaga({
  name: 'flaky',
  version: 1,
  input: z.object({}),
  steps: [
    local('decided', async () => {}, { pivot: true }),
    local('once more', async () => {
      attempts += 1;
      if (attempts === 1) throw new Error('later');
    }),
  ],
});
const dispatch = createBullmqDispatch({ connection, queue: `sagas-${process.env.SCHEMA}` });
const sagas = createSagaRunner(tm, { sagas: [flaky], dispatch, backoff: { baseMs: 50, maxMs: 100 } });
const { id, status: first } = await sagas.start(flaky, {});
let status = first;
for (let round = 0; round < 1_200 && status === 'running'; round += 1) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  ({ status } = await sagas.get(id));
}
assert.deepEqual([status, attempts], ['completed', 2]);
await sagas.close();
metrics.close();
await queue.close();
await tm.close();
await knex.destroy();
console.log('jobs: ok');
