import type { Knex } from 'knex';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createTransactionManager,
  isCommitOutcomeUnknownError,
  isPoolDeadlockError,
  isTransactionClosedError,
  runWithReadYourWrites as request,
  type TransactionManager,
} from '../src/index.js';
import { connectionTo, engines, labels, reasonOf, resetEntries, useEntries } from './support/databases.js';
import { startProxy, type TcpProxy } from './support/tcp-proxy.js';

/**
 * Which server answers a read. The replica is another database here, whose only row says so: it never has what the
 * primary has. Servers that replicate are in replicas.test.ts.
 */
describe.each(engines)('reads with a replica on %s', (engine) => {
  const { database, knex: primary } = useEntries(engine);
  let elsewhere: string;
  let seen: Knex;
  let proxy: TcpProxy | undefined;
  let replica: Knex;
  let tm: TransactionManager;
  /** Where new connections to the replica, and to a primary of `reached`, lead. */
  let isReachable = true;

  beforeAll(async () => {
    if (engine === 'sqlite') {
      elsewhere = `${database.url}.elsewhere`;
    } else {
      await primary.raw('create database elsewhere');
      elsewhere = database.url.replace(/[^/]*$/, 'elsewhere');
    }
    seen = database.pool({ connection: placeOf(elsewhere) });
  });
  beforeEach(async () => {
    await primary('entry').insert({ label: 'primary' });
    await resetEntries(seen);
    await seen('entry').insert({ label: 'replica' });
    proxy = engine === 'sqlite' ? undefined : await startProxy(Number(new URL(elsewhere).port));
    replica = reached(elsewhere, 3);
    // A replica that failed is left alone for some time; the time is ours.
    vi.useFakeTimers({ toFake: ['Date'] });
    tm = createTransactionManager({ name: 'replicated', primary, replicas: [replica] });
  });
  afterEach(async () => {
    vi.useRealTimers();
    isReachable = true;
    await tm.close();
    await replica.destroy();
    await proxy?.close();
  });
  afterAll(() => seen.destroy());

  const placeOf = (url: string, port?: number) =>
    engine === 'sqlite' ? { filename: url } : connectionTo(url, port);
  /** A pool that cannot connect while `isReachable` is false, by way of the proxy. */
  const reached = (url: string, max: number) =>
    database.pool({
      connection: () => {
        const isUp = isReachable;
        const place = isUp ? placeOf(url, proxy?.port) : placeOf(`${url}/nowhere`, 1);
        return { ...place, expirationChecker: () => isUp !== isReachable };
      },
      pool: { min: 0, max },
    });
  const answering = async (manager = tm): Promise<string> =>
    (await manager.db('entry').orderBy('id').first()).label;
  const readAnywhere = () => tm.read(() => answering());
  const write = () => tm.run(async () => void (await tm.db('entry').insert({ label: 'written' })));
  const expectNothingHeld = async () => {
    for (const pool of [primary, replica]) await expect.poll(() => pool.client.pool.numUsed()).toBe(0);
  };

  it('a request that has written nothing is answered by the replica, in a snapshot or not', () =>
    request(async () => {
      expect(await readAnywhere()).toBe('replica');
      expect(await tm.read({ snapshot: true }, () => answering())).toBe('replica');
      expect(await tm.run({ readOnly: true }, () => answering())).toBe('replica');
      await expectNothingHeld();
    }));

  it('SERIALIZABLE is read from the primary: a hot standby has none', () =>
    request(async () => {
      const options = { readOnly: true, isolation: 'serializable' } as const;
      expect(await tm.run(options, () => answering())).toBe('primary');
    }));

  it('after a write the request reads from the primary, and other requests from the replica', () =>
    request(async () => {
      await write();
      expect(await readAnywhere()).toBe('primary');
      expect(await tm.read({ snapshot: true }, () => answering())).toBe('primary');
      expect(await request(readAnywhere)).toBe('replica');
    }));

  it('a write outside every transaction counts too, a read there does not', () =>
    request(async () => {
      expect(await answering()).toBe('primary');
      expect(await readAnywhere()).toBe('replica');
      await tm.db('entry').insert({ label: 'autocommitted' });
      expect(await readAnywhere()).toBe('primary');
    }));

  it('neither a transaction that only reads nor one that is rolled back is a write', () =>
    request(async () => {
      await tm.run({ readOnly: true, isolation: 'serializable' }, () => answering());
      const undone = async () => {
        await tm.db('entry').insert({ label: 'undone' });
        throw new Error('roll back');
      };
      await reasonOf(tm.run(undone));
      expect(await readAnywhere()).toBe('replica');
    }));

  it('inside tm.run all is on the primary', () =>
    request(() =>
      tm.run(async () => {
        expect(await answering()).toBe('primary');
        expect(await readAnywhere()).toBe('primary');
      }),
    ));

  it('but a read of its own there is on the replica, and takes none of the primary’s connections', () =>
    request(async () => {
      const single = database.pool({ pool: { min: 0, max: 1 } });
      const own = { readOnly: true, propagation: 'REQUIRES_NEW' } as const;
      const both = createTransactionManager({ name: 'both', primary: single, replicas: [replica] });
      expect(await both.run(() => both.run(own, () => answering(both)))).toBe('replica');
      await both.close();
      // Without a replica it would wait for the connection that its own transaction has.
      const alone = createTransactionManager({ name: 'alone', primary: single });
      const reason = await reasonOf(alone.run(() => alone.run(own, () => answering(alone))));
      expect(isPoolDeadlockError(reason)).toBe(true);
      expect(await alone.run(() => answering(alone))).toBe('primary');
      await alone.close();
    }));

  it('a write inside tm.read is refused, and the replica goes on', () =>
    request(async () => {
      const write = tm.read(async () => void (await tm.db('entry').insert({ label: 'never' })));
      expect(await reasonOf(write)).toBeInstanceOf(Error);
      expect(await readAnywhere()).toBe('replica');
      expect([...(await labels(primary)), ...(await labels(seen))]).toEqual(['primary', 'replica']);
      await expectNothingHeld();
    }));

  it('an error of the statement reaches the caller, and the primary is not asked', () =>
    request(async () => {
      await seen.schema.dropTable('entry');
      expect((await reasonOf(readAnywhere())) as Error).toMatchObject({
        message: expect.stringMatching(/entry/),
      });
      await expectNothingHeld();
    }));

  it('a read that nobody waited for is refused after the end', () =>
    request(async () => {
      const ended = Promise.withResolvers<void>();
      let late: Promise<unknown> | undefined;
      await tm.read(async () => {
        late = ended.promise.then(() => reasonOf(answering()));
      });
      ended.resolve();
      expect(isTransactionClosedError(await late)).toBe(true);
      await expectNothingHeld();
    }));

  it('a replica outside the domain is refused, not replaced by the primary', () =>
    request(async () => {
      const home = engine === 'sqlite' ? database.url : new URL(database.url).pathname.slice(1);
      const strict = createTransactionManager({
        name: 'strict',
        primary,
        replicas: [replica],
        domain: { name: 'home', allow: [{ database: home }], mode: 'strict' },
      });
      for (const options of [{}, { snapshot: true }])
        expect(await reasonOf(strict.read(options, () => answering(strict)))).toMatchObject({
          code: 'KIT_TX_DOMAIN_VIOLATION',
        });
      await strict.close();
      await expectNothingHeld();
    }));

  it.each([
    ['a read', {}],
    ['a snapshot', { snapshot: true }],
  ])('%s of a replica that cannot be reached is answered by the primary', (_what, options) =>
    request(async () => {
      isReachable = false;
      expect(await tm.read(options, () => answering())).toBe('primary');
      isReachable = true;
      await expectNothingHeld();
    }),
  );

  it('it is left alone for a second, after the next failure for two, and is used again after that', () =>
    request(async () => {
      isReachable = false;
      expect(await readAnywhere()).toBe('primary');
      isReachable = true;
      expect(await readAnywhere()).toBe('primary');
      vi.setSystemTime(Date.now() + 1_000);
      isReachable = false;
      expect(await readAnywhere()).toBe('primary');
      isReachable = true;
      vi.setSystemTime(Date.now() + 1_999);
      expect(await readAnywhere()).toBe('primary');
      vi.setSystemTime(Date.now() + 1);
      expect(await readAnywhere()).toBe('replica');
    }));

  it('the primary answers a write’s request also when the replica was never connected', () =>
    request(async () => {
      isReachable = false;
      await write();
      expect(await readAnywhere()).toBe('primary');
    }));

  if (engine === 'postgres')
    it('one that cancels a read for what it has to replay is asked again the next time', () =>
      request(async () => {
        await seen.schema.dropTable('entry');
        await seen.raw(`create or replace function cancel() returns int language plpgsql as $$ begin
          raise exception 'canceling statement due to conflict with recovery' using errcode = '40001';
        end $$`);
        await seen.raw("create view entry as select cancel() as id, 'never' as label");
        expect(await readAnywhere()).toBe('primary');
        await seen.raw('drop view entry');
        await resetEntries(seen);
        await seen('entry').insert({ label: 'replica' });
        expect(await readAnywhere()).toBe('replica');
        await expectNothingHeld();
      }));

  if (engine === 'sqlite') return;

  it('a replica that dies during a read does not fail the read, and comes back', () =>
    request(async () => {
      const answers = await tm.read(async () => {
        const before = await answering();
        proxy!.cutOn('entry');
        return [before, await answering(), await answering()];
      });
      expect(answers).toEqual(['replica', 'primary', 'primary']);
      proxy!.cutOn(undefined);
      expect(await readAnywhere()).toBe('primary');
      vi.setSystemTime(Date.now() + 1_000);
      expect(await readAnywhere()).toBe('replica');
      // Once it has answered, what was before is forgotten.
      proxy!.cutOn('entry');
      expect(await readAnywhere()).toBe('primary');
      proxy!.cutOn(undefined);
      vi.setSystemTime(Date.now() + 1_000);
      expect(await readAnywhere()).toBe('replica');
      await expectNothingHeld();
    }));

  it('a stream of it fails, as it may have given rows already', () =>
    request(async () => {
      proxy!.cutOn('entry');
      const rows: unknown[] = [];
      const reason = await reasonOf(
        tm.read(async () => {
          for await (const row of tm.db('entry').stream()) rows.push(row);
        }),
      );
      expect(reason).toBeInstanceOf(Error);
      expect(rows).toEqual([]);
      proxy!.cutOn(undefined);
      await expectNothingHeld();
    }));

  it('a write whose COMMIT is unknown may have happened: the request reads from the primary', () =>
    request(async () => {
      const cut = reached(database.url, 3);
      const manager = createTransactionManager({ name: 'cut', primary: cut, replicas: [replica] });
      expect(await manager.read(() => answering(manager))).toBe('replica');
      proxy!.cutOn('commit', 'after');
      const written = manager.run(async () => void (await manager.db('entry').insert({ label: 'written' })));
      expect(isCommitOutcomeUnknownError(await reasonOf(written))).toBe(true);
      proxy!.cutOn(undefined);
      expect(await manager.read(() => answering(manager))).toBe('primary');
      await manager.close();
    }));

  it('a read of its own that finds no connection gives its place back', () =>
    request(async () => {
      const two = reached(database.url, 2);
      const manager = createTransactionManager({ name: 'two', primary: two });
      const own = { readOnly: true, propagation: 'REQUIRES_NEW' } as const;
      for (let round = 0; round < 3; round += 1)
        await manager.run(async () => {
          await answering(manager);
          isReachable = false;
          expect(await reasonOf(manager.run(own, () => answering(manager)))).toBeInstanceOf(Error);
          isReachable = true;
          expect(await manager.run(own, () => answering(manager))).toBe('primary');
          await two.client.pool.destroyFree?.();
        });
      await manager.close();
    }));
});
