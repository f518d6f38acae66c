import { setTimeout as delay } from 'node:timers/promises';
import type { Knex } from 'knex';
import knexFactory from 'knex';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasServer, startMariaDb, startPostgres, type TestServer } from 'kit-tooling/servers';
import {
  createTransactionManager,
  isTransactionTimeoutError,
  isUnexpectedRollbackError,
  type TransactionManager,
} from '../src/index.js';
import { labels, reasonOf, resetEntries } from './support/databases.js';
import { startProxy, type TcpProxy } from './support/tcp-proxy.js';

const log = { warn() {}, error() {}, debug() {}, deprecate() {} };
const kinds = hasServer('mariadb') ? (['postgres', 'mysql'] as const) : (['postgres'] as const);

describe.each(kinds)('connections that fail, on %s', (kind) => {
  let server: TestServer;
  let proxy: TcpProxy;
  let direct: Knex;
  let knex: Knex;
  let tm: TransactionManager;

  const connect = (port: number) => connectWith(port, 3);
  const connectWith = (port: number, max: number) =>
    knexFactory({
      client: kind === 'postgres' ? 'pg' : 'mysql2',
      connection: server.url.replace(String(server.port), String(port)),
      pool: { min: 0, max },
      log,
    });

  beforeAll(async () => {
    server = kind === 'postgres' ? await startPostgres() : await startMariaDb();
    direct = connect(server.port);
  });
  afterAll(async () => {
    await direct.destroy();
    await server.stop();
  });
  beforeEach(async () => {
    await resetEntries(direct);
    proxy = await startProxy(server.port);
    knex = connect(proxy.port);
    tm = createTransactionManager({ name: 'cut', primary: knex });
    return async () => {
      await tm.close();
      await knex.destroy();
      await proxy.close();
    };
  });

  const add = async (label: string) => void (await tm.db('entry').insert({ label }));
  const sleep = () => tm.db.raw(kind === 'postgres' ? 'select pg_sleep(20)' : 'select sleep(20)');

  it('cut in the middle: a swallowed failure is no commit, and the pool recovers', async () => {
    const reason = await reasonOf(
      tm.run(async () => {
        await add('lost');
        proxy.cutAll();
        await delay(20);
        await reasonOf(add('lost too'));
      }),
    );
    expect(isUnexpectedRollbackError(reason)).toBe(true);
    await add('after');
    expect(await labels(direct)).toEqual(['after']);
    expect(knex.client.pool.numUsed()).toBe(0);
  });

  it('cut while nothing ran: COMMIT is not even tried', async () => {
    const reason = await reasonOf(
      tm.run(async () => {
        await add('lost');
        proxy.cutAll();
        await delay(50);
      }),
    );
    expect(isUnexpectedRollbackError(reason)).toBe(true);
    expect(await labels(direct)).toEqual([]);
  });

  it('a statement beyond timeoutMs is cancelled in time, and the next borrower is unaffected', async () => {
    const single = connect(server.port);
    const manager = createTransactionManager({ name: 'slow', primary: single, maxDepth: 1 });
    const started = performance.now();
    const reason = await reasonOf(
      manager.run({ timeoutMs: 1_000 }, async () => {
        await manager.db('entry').insert({ label: 'slow' });
        await manager.db.raw(kind === 'postgres' ? 'select pg_sleep(20)' : 'select sleep(20)');
      }),
    );
    expect(isTransactionTimeoutError(reason)).toBe(true);
    expect(performance.now() - started).toBeLessThan(12_000);
    for (let round = 0; round < 5; round += 1)
      await manager.run(async () => void (await manager.db('entry').insert({ label: `next ${round}` })));
    const setting =
      kind === 'postgres' ? "current_setting('statement_timeout')" : '@@session.max_statement_time';
    const row = await manager.read(() => manager.db.select(manager.db.raw(`${setting} as value`)).first());
    expect(Number(row.value)).toBe(0);
    expect(await labels(direct)).toHaveLength(5);
    await manager.close();
    await single.destroy();
  });

  it('a function that waits for something else is timed out too, and its late statement is refused', async () => {
    let late: Promise<unknown> | undefined;
    const reason = await reasonOf(
      tm.run({ timeoutMs: 1_000 }, async () => {
        await add('early');
        late = delay(1_500).then(() => reasonOf(add('late')));
        await late;
      }),
    );
    expect(isTransactionTimeoutError(reason)).toBe(true);
    expect(await late).toBeInstanceOf(Error);
    expect(await labels(direct)).toEqual([]);
  });

  it('a frozen server: the timeout destroys the connection instead of waiting for ROLLBACK', async () => {
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

  it("dangling: 'await' waits no longer than timeoutMs", async () => {
    const reason = await reasonOf(
      tm.run({ dangling: 'await', timeoutMs: 1_000 }, async () => {
        await add('undone');
        sleep().then(
          () => {},
          () => {},
        );
      }),
    );
    expect(isTransactionTimeoutError(reason)).toBe(true);
    expect(await labels(direct)).toEqual([]);
    expect(knex.client.pool.numUsed()).toBe(0);
  });

  it('an aborted signal cancels, rolls back and rejects with its reason', async () => {
    const controller = new AbortController();
    const why = new Error('shutting down');
    let seen: unknown;
    const reason = await reasonOf(
      tm.run({ signal: controller.signal }, async ({ signal }) => {
        signal.addEventListener('abort', () => (seen = signal.reason));
        await add('aborted');
        setTimeout(() => controller.abort(why), 20);
        await sleep();
      }),
    );
    expect(reason).toBe(why);
    expect(seen).toBe(why);
    expect(await labels(direct)).toEqual([]);
    expect(await reasonOf(tm.run({ signal: controller.signal }, () => add('never')))).toBe(why);
  });

  it('tm.read is timed out too', async () => {
    const started = performance.now();
    const reason = await reasonOf(tm.read({ timeoutMs: 200 }, async () => void (await sleep())));
    expect(isTransactionTimeoutError(reason)).toBe(true);
    expect(performance.now() - started).toBeLessThan(12_000);
    await add('next');
    expect(knex.client.pool.numUsed()).toBe(0);
  });

  it('a server restarted in mid-transaction: the error reaches the caller and the next run works', async () => {
    const manager = createTransactionManager({ name: 'restart', primary: direct });
    const reason = await reasonOf(
      manager.run(async () => {
        await manager.db('entry').insert({ label: 'before' });
        await server.restart();
        await manager.db('entry').insert({ label: 'after' });
      }),
    );
    expect(reason).toBeInstanceOf(Error);
    await manager.run(async () => void (await manager.db('entry').insert({ label: 'next' })));
    expect(await labels(direct)).toEqual(['next']);
    await manager.close();
  });
});
