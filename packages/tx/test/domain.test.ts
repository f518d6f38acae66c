import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createTransactionManager, isDomainViolationError, type TransactionManager } from '../src/index.js';
import { connectionTo, engines, reasonOf, useDatabase } from './support/databases.js';

describe.each(engines)('the domain guard on %s', (engine) => {
  const database = useDatabase(engine);
  const knex = database.pool();
  const home = { postgres: 'postgres', mysql: 'kit', sqlite: engine === 'sqlite' ? database.url : '' }[
    engine
  ];
  const managers: TransactionManager[] = [];

  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const tm of managers.splice(0)) await tm.close();
  });

  const manager = (domain: object, primary = knex) => {
    const tm = createTransactionManager({
      name: (domain as { name: string }).name,
      primary,
      domain: domain as never,
    });
    managers.push(tm);
    return tm;
  };
  const use = (tm: TransactionManager) => tm.db.raw('select 1').then(() => {});

  it('lets its own database in', async () => {
    const tm = manager({ name: 'home', allow: [{ database: home }], mode: 'strict' });
    await use(tm);
    await tm.run(() => use(tm));
    await tm.read(() => use(tm));
  });

  it('refuses a stranger in strict mode, in every way to a connection, again and again', async () => {
    const tm = manager({ name: 'strict', allow: [{ database: 'elsewhere' }], mode: 'strict' });
    for (let round = 0; round < 2; round += 1)
      for (const call of [
        () => use(tm),
        () => tm.run(() => use(tm)),
        () => tm.read(() => use(tm)),
        () => tm.read({ snapshot: true }, () => use(tm)),
      ])
        expect(isDomainViolationError(await reasonOf(call()))).toBe(true);
    expect(knex.client.pool.numUsed()).toBe(0);
  });

  it('refuses a replica of another domain, and does not pass it by for the primary', async () => {
    const elsewhere = {
      postgres: () => ({ ...connectionTo(database.url), database: 'template1' }),
      mysql: () => ({ ...connectionTo(database.url), database: 'mysql' }),
      sqlite: () => ({ filename: `${database.url}.replica` }),
    };
    const replica = database.pool({ connection: elsewhere[engine] });
    const tm = createTransactionManager({
      name: 'strange replica',
      primary: knex,
      replicas: [replica],
      domain: { name: 'home', allow: [{ database: home }], mode: 'strict' },
    });
    managers.push(tm);
    for (let round = 0; round < 2; round += 1)
      expect(isDomainViolationError(await reasonOf(tm.read(() => use(tm))))).toBe(true);
    expect(replica.client.pool.numUsed()).toBe(0);
    await tm.run(() => use(tm));
  });

  it('warns of it otherwise', async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    process.on('warning', listen);
    await use(manager({ name: 'lenient', allow: [{ database: 'elsewhere' }] }));
    await delay(10);
    process.off('warning', listen);
    expect(warnings).toMatchObject([{ code: 'KIT_TX_DOMAIN_VIOLATION' }]);
  });

  it('is strict by STRICT_DOMAIN_GUARD', async () => {
    vi.stubEnv('STRICT_DOMAIN_GUARD', 'true');
    const tm = manager({ name: 'by environment', allow: [{ database: 'elsewhere' }] });
    expect(isDomainViolationError(await reasonOf(use(tm)))).toBe(true);
  });

  if (engine !== 'sqlite')
    it('compares the host where one is given', async () => {
      await use(manager({ name: 'local', allow: [{ host: 'localhost', database: home }], mode: 'strict' }));
      const tm = manager({ name: 'remote', allow: [{ host: 'db.example', database: home }], mode: 'strict' });
      expect(isDomainViolationError(await reasonOf(use(tm)))).toBe(true);
    });

  it("refuses another domain's manager inside a scope, and the same domain's not", async () => {
    const one = manager({ name: 'one', allow: [{ database: home }], mode: 'strict' });
    const other = manager({ name: 'other', allow: [{ database: home }], mode: 'strict' }, database.pool());
    for (const call of [() => other.run(async () => {}), () => other.read(async () => {}), () => use(other)])
      expect(isDomainViolationError(await reasonOf(one.run(() => call())))).toBe(true);
    expect(isDomainViolationError(await reasonOf(one.read(() => other.run(async () => {}))))).toBe(true);
    await one.run(() => one.run(() => use(one)));
    await other.run(async () => {});
  });
});
