import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { recordChannels } from 'kit-tooling/channels';
import createKnex, { type Knex } from 'knex';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  createSagaRunner,
  createTransactionManager,
  defineSaga,
  local,
  type SagaRunner,
} from '../src/index.js';
import { type Database, engines, eventually, openDatabase } from './durable-setup.js';
import { startProxy, type TcpProxy } from './support/tcp-proxy.js';

describe.each(engines.filter((engine) => engine !== 'sqlite'))(
  'a saga whose COMMIT gets lost on %s',
  (engine) => {
    let database: Database;
    let proxy: TcpProxy;
    let knex: Knex;
    let runner: SagaRunner;
    beforeAll(async () => {
      database = await openDatabase(engine);
      proxy = await startProxy(database.server!.port);
      const url = new URL(database.server!.url);
      url.port = String(proxy.port);
      knex = createKnex({
        client: engine === 'postgres' ? 'pg' : 'mysql2',
        connection: url.href,
        pool: { min: 0, max: 5 },
        log: { warn() {}, error() {}, debug() {}, deprecate() {} },
      });
    });
    afterAll(async () => {
      await knex.destroy();
      await proxy.close();
      await database.close();
    });
    beforeEach(() => database.empty());
    afterEach(async () => {
      proxy.cutOn(undefined);
      await runner.close();
    });

    it.each(['before', 'after'] as const)(
      '%s the server has it: every step has its effect once, and the saga settles once',
      async (when) => {
        const tm = createTransactionManager({ name: 'cut', primary: knex });
        const write = (name: string) => async () => void (await tm.db('effects').insert({ name }));
        const saga = defineSaga({
          name: 'cut',
          version: 1,
          input: z.object({}),
          steps: [local('first', write('first')), local('second', write('second'))],
        });
        runner = createSagaRunner(tm, {
          sagas: [saga],
          pollMs: 20,
          leaseMs: 60_000,
          backoff: { baseMs: 5, maxMs: 20 },
        });
        const recorded = recordChannels('kit:tx:saga-settled');
        // The first COMMIT is lost; what says so has the word in it, too.
        const mend = (event: unknown) => {
          if ((event as { outcome: string }).outcome === 'unknown') proxy.cutOn(undefined);
        };
        subscribe('kit:tx:settled', mend);
        proxy.cutOn('commit', when);
        const { id, status } = await runner.start(saga, {});
        // What has been committed is found; what has not is tried again later.
        expect(status).toBe(when === 'after' ? 'completed' : 'running');
        unsubscribe('kit:tx:settled', mend);
        await eventually(async () => (await runner.get(id))?.status === 'completed');
        recorded.stop();
        expect(await database.knex('effects').orderBy('id').pluck('name')).toEqual(['first', 'second']);
        expect(recorded.events).toHaveLength(1);
        await tm.close();
      },
    );
  },
);
