import type { Knex } from 'knex';
import knexFactory from 'knex';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasServer, startMariaDb, type TestServer } from 'kit-tooling/servers';
import {
  createTransactionManager,
  isUnexpectedRollbackError,
  type TransactionManager,
} from '../src/index.js';

describe.runIf(hasServer('mariadb'))('MariaDB that rolls back on a lock timeout', () => {
  let server: TestServer;
  let knex: Knex;
  let tm: TransactionManager;

  beforeAll(async () => {
    server = await startMariaDb({
      settings: { 'innodb-rollback-on-timeout': '1', 'innodb-lock-wait-timeout': '1' },
    });
    const log = { warn() {}, error() {}, debug() {}, deprecate() {} };
    knex = knexFactory({ client: 'mysql2', connection: server.url, pool: { min: 0, max: 4 }, log });
    await knex.raw('create table item (id int primary key, serverStatus int) engine=innodb');
    await knex('item').insert({ id: 1, serverStatus: 0 });
    tm = createTransactionManager({ name: 'mysql', primary: knex });
  });
  afterAll(async () => {
    await tm.close();
    await knex.destroy();
    await server.stop();
  });

  it('a swallowed 1205 that took the whole transaction along is noticed', async () => {
    const holder = await knex.transaction();
    await holder('item').where({ id: 1 }).forUpdate();
    const reason = await tm
      .run(async () => {
        await tm.db('item').insert({ id: 2 });
        await tm
          .db('item')
          .where({ id: 1 })
          .update({ serverStatus: 5 })
          .catch((error: { errno: number }) => {
            if (error.errno !== 1205) throw error;
          });
        await tm.db('item').insert({ id: 3 });
      })
      .catch((error: unknown) => error);
    await holder.rollback();
    expect(isUnexpectedRollbackError(reason)).toBe(true);
    expect(await knex('item').pluck('id')).toEqual([1]);
  });

  it('a column called serverStatus is no status', async () => {
    const row = await tm.run(() => tm.db('item').first());
    expect(row).toEqual({ id: 1, serverStatus: 0 });
  });

  it('the session is as before after a timeout was set, also when the function failed', async () => {
    const seen: number[] = [];
    const limit = async () =>
      Number((await knex.raw('select @@max_statement_time as seconds'))[0][0].seconds);
    // A limit of the service's own, which the manager's must not replace for ever.
    await knex.raw('set session max_statement_time = 7.5');
    const look = (end: () => void) =>
      tm.run({ timeoutMs: 2_000 }, async () => {
        const [rows] = await tm.db.raw('select @@max_statement_time as seconds');
        seen.push(Number(rows[0].seconds));
        end();
      });
    await look(() => {});
    const fail = () => {
      throw new Error('fails');
    };
    await expect(look(fail)).rejects.toThrow('fails');
    expect(seen).toEqual([2, 2]);
    expect(await limit()).toBe(7.5);
    await knex.raw('set session max_statement_time = default');
  });
});
