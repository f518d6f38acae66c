import type { Knex } from 'knex';
import knexFactory from 'knex';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasServer, startMariaDb, startPostgres, type TestServer } from 'kit-tooling/servers';
import {
  createTransactionManager,
  isTransactionTimeoutError,
  type TransactionManager,
} from '../src/index.js';
import { labels, reasonOf, resetEntries } from './support/databases.js';

const log = { warn() {}, error() {}, debug() {}, deprecate() {} };
const kinds = hasServer('mariadb') ? (['postgres', 'mysql'] as const) : (['postgres'] as const);

/** Servers of the suite's own, which it stops; connections that are cut have connections-cut.test.ts. */
describe.each(kinds)('a server that fails, on %s', (kind) => {
  let server: TestServer;
  let direct: Knex;
  let knex: Knex;
  let tm: TransactionManager;

  const connect = () =>
    knexFactory({
      client: kind === 'postgres' ? 'pg' : 'mysql2',
      connection: server.url,
      pool: { min: 0, max: 3 },
      log,
    });

  beforeAll(async () => {
    server = kind === 'postgres' ? await startPostgres() : await startMariaDb();
    direct = connect();
  });
  afterAll(async () => {
    await direct.destroy();
    await server.stop();
  });
  beforeEach(async () => {
    await resetEntries(direct);
    knex = connect();
    tm = createTransactionManager({ name: 'failing', primary: knex });
    return async () => {
      await tm.close();
      await knex.destroy();
    };
  });

  const add = async (label: string) => void (await tm.db('entry').insert({ label }));

  it('frozen: the timeout destroys the connection instead of waiting for ROLLBACK', async () => {
    await add('warm');
    const running = reasonOf(
      tm.run({ timeoutMs: 1_000 }, async () => {
        await add('frozen');
        server.freeze();
        await add('never answered');
      }),
    );
    const reason = await running;
    server.thaw();
    expect(isTransactionTimeoutError(reason)).toBe(true);
    expect(knex.client.pool.numUsed()).toBe(0);
    await add('after');
    await expect.poll(() => labels(direct)).toEqual(['warm', 'after']);
  });

  it('restarted in mid-transaction: the error reaches the caller and the next run works', async () => {
    const reason = await reasonOf(
      tm.run(async () => {
        await add('before');
        await server.restart();
        await add('after');
      }),
    );
    expect(reason).toBeInstanceOf(Error);
    await tm.run(() => add('next'));
    expect(await labels(knex)).toEqual(['next']);
  });
});
