import { performance } from 'node:perf_hooks';
import { DBOS } from '@dbos-inc/dbos-sdk';
import { defineTableBench } from 'kit-tooling/bench';
import { startPostgres } from 'kit-tooling/servers';
import knexFactory from 'knex';
import { z } from 'zod';
import { createSagaRunner, createTransactionManager, defineSaga, migrateTx, remote } from '@kit/tx';

const stepsEach = 4;

/** The same flow, the same database, taking turns: four steps that do nothing but return a number. */
export default defineTableBench({
  package: 'tx',
  title: 'Durable steps against DBOS, PostgreSQL: four steps a flow, ten flows at a time',
  async run({ short }) {
    const server = await startPostgres();
    const knex = knexFactory({ client: 'pg', connection: server.url, pool: { min: 2, max: 10 } });
    await migrateTx(knex);
    const tm = createTransactionManager({ name: 'bench', primary: knex });
    const saga = defineSaga({
      name: 'bench',
      version: 1,
      input: z.object({ n: z.number() }),
      steps: Array.from({ length: stepsEach }, (_, n) => remote(`step-${n}`, async () => n)),
    });
    const sagas = createSagaRunner(tm, { sagas: [saga] });

    DBOS.setConfig({
      name: 'bench',
      systemDatabaseUrl: server.url,
      logLevel: 'error',
      runAdminServer: false,
    });
    const workflow = DBOS.registerWorkflow(
      async (n: number) => {
        for (let step = 0; step < stepsEach; step += 1) {
          await DBOS.runStep(async () => step, { name: `step-${step}` });
        }
        return n;
      },
      { name: 'bench' },
    );
    await DBOS.launch();
    try {
      const flows = short ? 100 : 500;
      const kit = () => measure(flows, (n) => sagas.start(saga, { n }));
      const dbos = () => measure(flows, (n) => workflow(n));
      await kit();
      await dbos();
      const rounds = [await kit(), await dbos(), await kit(), await dbos()];
      return {
        columns: ['', 'steps per second', 'p50 ms per step', 'p99 ms per step'],
        rows: rounds.map((round, n) => [
          `${n % 2 === 0 ? '@kit/tx' : '@dbos-inc/dbos-sdk'}, round ${Math.floor(n / 2) + 1}`,
          Math.round(round.perSecond),
          round.p50.toFixed(2),
          round.p99.toFixed(2),
        ]),
        notes:
          'A remote step of kit commits its intent before the call and its result after it; DBOS records the result only, so a step that was under way is repeated without being asked about.',
      };
    } finally {
      await DBOS.shutdown();
      await sagas.close();
      await knex.destroy();
      await server.stop();
    }
  },
});

async function measure(
  flows: number,
  start: (n: number) => Promise<unknown>,
): Promise<{ perSecond: number; p50: number; p99: number }> {
  const perStep: number[] = [];
  let next = 0;
  const begun = performance.now();
  const work = async () => {
    for (let n = next++; n < flows; n = next++) {
      const started = performance.now();
      await start(n);
      perStep.push((performance.now() - started) / stepsEach);
    }
  };
  await Promise.all(Array.from({ length: 10 }, work));
  const seconds = (performance.now() - begun) / 1_000;
  perStep.sort((a, b) => a - b);
  const at = (share: number) => perStep[Math.floor(share * (perStep.length - 1))]!;
  return { perSecond: (flows * stepsEach) / seconds, p50: at(0.5), p99: at(0.99) };
}
