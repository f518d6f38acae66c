import { performance } from 'node:perf_hooks';
import { defineTableBench } from 'kit-tooling/bench';
import { startPostgres } from 'kit-tooling/servers';
import knexFactory from 'knex';
import PgBoss from 'pg-boss';
import { createOutboxRelay, createTransactionManager, migrateTx } from '@kit/tx';

/** How fast messages that are already in the table leave it. */
export default defineTableBench({
  package: 'tx',
  title: 'The relay against pg-boss, PostgreSQL: messages per second out of the table',
  async run({ short }) {
    const server = await startPostgres();
    const knex = knexFactory({ client: 'pg', connection: server.url, pool: { min: 2, max: 10 } });
    await migrateTx(knex);
    const tm = createTransactionManager({ name: 'bench', primary: knex });
    const boss = new PgBoss({ connectionString: server.url, supervise: false, schedule: false });
    // It loses its connections when the server stops at the end; unheard, that would end the process.
    boss.on('error', () => {});
    await boss.start();
    const rows: (string | number)[][] = [];
    try {
      for (const batchSize of [1, 10, 100]) {
        const count = (short ? 300 : 3_000) / (batchSize === 1 ? 3 : 1);
        await knex.raw(
          `INSERT INTO kit_outbox (message_id, topic, payload, headers, status, attempts, due_at, created_at)
           SELECT gen_random_uuid()::text, 'bench', '{"n":1}', '{}', 'pending', 0, 0, 0 FROM generate_series(1, ?)`,
          [count],
        );
        let published = 0;
        const kit = await rate(count, (done) => {
          const relay = createOutboxRelay(tm, {
            batchSize,
            publish: async (batch) => {
              published += batch.length;
              if (published === count) done();
            },
          });
          return () => relay.close();
        });

        const queue = `bench-${batchSize}`;
        await boss.createQueue(queue);
        await boss.insert(
          queue,
          Array.from({ length: count }, () => ({ name: queue, data: { n: 1 } })),
        );
        let taken = 0;
        const peer = await rate(count, (done) => {
          const loop = (async () => {
            while (taken < count) {
              const jobs = await boss.fetch(queue, { batchSize });
              await boss.deleteJob(
                queue,
                jobs.map(({ id }) => id),
              );
              taken += jobs.length;
            }
            done();
          })();
          return () => loop;
        });
        rows.push([batchSize, Math.round(kit), Math.round(peer), (kit / peer).toFixed(2)]);
      }
    } finally {
      await boss.stop({ graceful: false });
      await knex.destroy();
      await server.stop();
    }
    return {
      columns: ['batch', '@kit/tx', 'pg-boss fetch + delete', 'ratio'],
      rows,
      notes: 'Both publish to nowhere. Kit also looks for an earlier message of the same key in every claim.',
    };
  },
});

async function rate(count: number, start: (done: () => void) => () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  let stop = async (): Promise<unknown> => undefined;
  await new Promise<void>((resolve) => {
    stop = start(resolve);
  });
  const seconds = (performance.now() - begun) / 1_000;
  await stop();
  return count / seconds;
}
