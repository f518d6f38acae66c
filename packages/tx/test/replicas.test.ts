import { copyFileSync } from 'node:fs';
import knexFactory, { type Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { hasServer, startMariaDb, startPostgres, type TestServer } from 'kit-tooling/servers';
import { mysqlEngine } from '../src/engine-mysql.js';
import { postgresEngine } from '../src/engine-postgres.js';
import { createTransactionManager, runWithReadYourWrites, type TransactionManager } from '../src/index.js';
import { openDatabase, resetEntries } from './support/databases.js';
import { startStandby } from './support/replication.js';
import { startProxy } from './support/tcp-proxy.js';

const log = { warn() {}, error() {}, debug() {}, deprecate() {} };

describe('a streaming replica of PostgreSQL', () => {
  let primaryServer: TestServer;
  let standbyServer: TestServer;
  let primary: Knex;
  let standby: Knex;
  let tm: TransactionManager;

  const connect = (server: Pick<TestServer, 'url'>) =>
    knexFactory({
      client: 'pg',
      connection: server.url,
      pool: { min: 0, max: 4 },
      log,
      acquireConnectionTimeout: 30_000,
    });

  beforeAll(async () => {
    primaryServer = await startPostgres();
    standbyServer = await startStandby(primaryServer);
    primary = connect(primaryServer);
    standby = connect(standbyServer);
    await resetEntries(primary);
  });
  afterAll(async () => {
    await primary.destroy();
    await standby.destroy();
    await standbyServer.stop();
    await primaryServer.stop();
  });
  beforeEach(async () => {
    await resume();
    tm = createTransactionManager({ name: 'replicated', primary, replicas: [standby] });
    return () => tm.close();
  });

  const pause = () => standby.raw('select pg_wal_replay_pause()');
  const resume = () => standby.raw('select pg_wal_replay_resume()');
  /** Which server answers a read here. */
  const servedBy = () =>
    tm.read(async () => {
      const { rows } = await tm.db.raw('select pg_is_in_recovery() as standby');
      return rows[0].standby ? 'replica' : 'primary';
    });
  let counter = 0;
  const write = async () => {
    counter += 1;
    const label = `row ${counter}`;
    await tm.run(async () => void (await tm.db('entry').insert({ label })));
    return label;
  };
  const find = (label: string) => tm.read(() => tm.db('entry').where({ label }).first());

  it('serves what has written nothing', async () => {
    await runWithReadYourWrites(async () => expect(await servedBy()).toBe('replica'));
    expect(await tm.run({ readOnly: true }, servedBy)).toBe('replica');
    expect(await tm.run({ readOnly: true, snapshot: true }, servedBy)).toBe('replica');
  });

  it('300 times write, then read, while replay is paused and resumed: none is stale', async () => {
    let stale = 0;
    for (let round = 0; round < 300; round += 1) {
      if (round % 50 === 10) await pause();
      if (round % 50 === 40) await resume();
      await runWithReadYourWrites(async () => {
        const label = await write();
        if ((await find(label)) === undefined) stale += 1;
      });
    }
    expect(stale).toBe(0);
  });

  it('none is stale without a request context either, and none after an autocommitted write', async () => {
    await pause();
    const label = await write();
    expect(await find(label)).toBeDefined();
    await runWithReadYourWrites(async () => {
      await tm.db('entry').insert({ label: 'autocommitted' });
      expect(await find('autocommitted')).toBeDefined();
    });
    await resume();
  });

  it('is used again by the writer once it has replayed the write, and meanwhile by the others', async () => {
    await pause();
    await runWithReadYourWrites(async () => {
      await write();
      expect(await servedBy()).toBe('primary');
      await runWithReadYourWrites(async () => expect(await servedBy()).toBe('replica'));
      await resume();
      await expect.poll(servedBy).toBe('replica');
    });
  });

  it('a position that is told late does not hide a later write', async () => {
    const proxy = await startProxy(primaryServer.port);
    const slow = connect({ url: primaryServer.url.replace(`${primaryServer.port}`, `${proxy.port}`) });
    const manager = createTransactionManager({ name: 'overtaken', primary: slow, replicas: [standby] });
    const insert = (label: string) =>
      manager.run(async () => void (await manager.db('entry').insert({ label })));
    await runWithReadYourWrites(async () => {
      const answer = proxy.holdAnswer('pg_current_wal_insert_lsn');
      const early = insert('early');
      await answer.held;
      // The replica has the first write, and will not have the second.
      await expect.poll(() => standby('entry').where({ label: 'early' }).first()).toBeDefined();
      await pause();
      await insert('late');
      answer.release();
      await early;
      expect(await manager.read(() => manager.db('entry').where({ label: 'late' }).first())).toBeDefined();
    });
    await manager.close();
    await slow.destroy();
    await proxy.close();
  });

  it('that leads outside the domain is refused, not replaced', async () => {
    await primary.raw('create database elsewhere');
    await expect.poll(() => standby('pg_database').pluck('datname')).toContain('elsewhere');
    const stray = connect({ url: standbyServer.url.replace(/\/[^/]*$/, '/elsewhere') });
    const manager = createTransactionManager({
      name: 'stray replica',
      primary,
      replicas: [stray],
      domain: { name: 'home', allow: [{ database: 'postgres' }], mode: 'strict' },
    });
    for (const options of [{}, { snapshot: true }])
      await expect(manager.read(options, () => manager.db.raw('select 1'))).rejects.toMatchObject({
        code: 'KIT_TX_DOMAIN_VIOLATION',
      });
    await manager.close();
    await stray.destroy();
  });

  it('that is dead is replaced by the primary, and comes back', async () => {
    await runWithReadYourWrites(async () => {
      expect(await servedBy()).toBe('replica');
      await standbyServer.kill();
      expect(await servedBy()).toBe('primary');
      expect(await tm.read({ snapshot: true }, servedBy)).toBe('primary');
      await standbyServer.restart();
      await expect.poll(servedBy, { interval: 200 }).toBe('replica');
    });
  });

  it('that dies during a read does not fail the read', async () => {
    await runWithReadYourWrites(async () => {
      const answers = await tm.read(async () => {
        const before = await servedBy();
        await standbyServer.kill();
        return [before, await servedBy()];
      });
      expect(answers).toEqual(['replica', 'primary']);
    });
    await standbyServer.restart();
  });

  it('serves no write: inside tm.run everything is on the primary', async () => {
    await tm.run(async () => {
      const { rows } = await tm.db.raw('select pg_is_in_recovery() as standby');
      expect(rows[0].standby).toBe(false);
      expect(await servedBy()).toBe('primary');
    });
  });
});

describe.runIf(hasServer('mariadb'))('a replica of MariaDB', () => {
  let servers: TestServer[];
  let pools: Knex[];
  let tm: TransactionManager;

  beforeAll(async () => {
    servers = await Promise.all(
      ['1', '2'].map((id) =>
        startMariaDb({ settings: { 'server-id': id, 'log-bin': 'on', 'gtid-strict-mode': '1' } }),
      ),
    );
    pools = servers.map(({ url }) =>
      knexFactory({ client: 'mysql2', connection: url, pool: { min: 0, max: 4 }, log }),
    );
    const [primary, replica] = pools as [Knex, Knex];
    await primary.raw("create user 'copy'@'%' identified by 'copy'");
    await primary.raw("grant replication slave on *.* to 'copy'@'%'");
    await replica.raw('reset master');
    await replica.raw(
      `change master to master_host='127.0.0.1', master_port=${servers[0]!.port}, master_user='copy', master_password='copy', master_use_gtid=slave_pos`,
    );
    await replica.raw('start slave');
    await resetEntries(primary);
    tm = createTransactionManager({ name: 'gtid', primary, replicas: [replica] });
    await vi.waitUntil(() => replica.schema.hasTable('entry'), { timeout: 60_000 });
  });
  afterAll(async () => {
    await tm.close();
    for (const knex of pools) await knex.destroy();
    for (const server of servers) await server.stop();
  });

  const servedBy = () =>
    tm.read(async () => {
      const [rows] = await tm.db.raw('select @@server_id as id');
      return rows[0].id === 2 ? 'replica' : 'primary';
    });

  it('is used once it has applied the writes of the flow', async () => {
    await runWithReadYourWrites(async () => {
      expect(await servedBy()).toBe('replica');
      await pools[1]!.raw('stop slave sql_thread');
      await tm.run(async () => void (await tm.db('entry').insert({ label: 'mine' })));
      expect(await servedBy()).toBe('primary');
      expect(await tm.read(() => tm.db('entry').pluck('label'))).toEqual(['mine']);
      await pools[1]!.raw('start slave sql_thread');
      await expect.poll(servedBy).toBe('replica');
      expect(await tm.read(() => tm.db('entry').pluck('label'))).toEqual(['mine']);
    });
  });
});

describe('replicas of SQLite', () => {
  it('on the same file are read at once, on another file only before the first write', async () => {
    const database = await openDatabase('sqlite');
    const primary = database.pool();
    await primary.raw('pragma journal_mode = wal');
    await resetEntries(primary);
    await primary('entry').insert({ label: 'old' });
    await primary.raw('pragma wal_checkpoint(truncate)');
    const copy = `${database.url}.copy`;
    copyFileSync(database.url, copy);
    const sameFile = createTransactionManager({ name: 'same', primary, replicas: [database.pool()] });
    const otherFile = createTransactionManager({
      name: 'other',
      primary,
      replicas: [database.pool({ connection: { filename: copy } })],
    });
    const find = (tm: TransactionManager) => tm.read(() => tm.db('entry').orderBy('id').pluck('label'));
    await runWithReadYourWrites(async () => {
      await sameFile.run(async () => void (await sameFile.db('entry').insert({ label: 'new' })));
      expect(await find(sameFile)).toEqual(['old', 'new']);
      expect(await find(otherFile)).toEqual(['old', 'new']);
    });
    await runWithReadYourWrites(async () => expect(await find(otherFile)).toEqual(['old']));
    await sameFile.close();
    await otherFile.close();
    await database.close();
  });

  it('must be of the primary’s kind', async () => {
    const database = await openDatabase('sqlite');
    const foreign = knexFactory({ client: 'pg', connection: 'postgres://127.0.0.1:1/none' });
    expect(() => createTransactionManager({ primary: database.pool(), replicas: [foreign] })).toThrow(
      "replicas[0] must be of the primary's kind better-sqlite3, got pg",
    );
    await foreign.destroy();
    await database.close();
  });
});

describe('positions in a log', () => {
  it.each([
    [mysqlEngine, '', 0n],
    [mysqlEngine, '0-1-42', 42n],
    [mysqlEngine, '0-1-42,1-7-3', 45n],
    [mysqlEngine, '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5', 5n],
    [
      mysqlEngine,
      '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7:9-10,\n4e11fa47-71ca-11e1-9e33-c80aa9429562:3',
      9n,
    ],
    [mysqlEngine, '3e11fa47-71ca-11e1-9e33-c80aa9429562:tag_1:1-5', 5n],
    [postgresEngine, '0/0', 0n],
    [postgresEngine, '1/0', 0x1_0000_0000n],
    [postgresEngine, '16/B374D848', 0x16_b374_d848n],
  ])('%# is ordered by what it counts', (engine, position, count) => {
    expect(engine.replayed!.measure(position)).toBe(count);
  });
});
