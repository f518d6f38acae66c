import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createTransactionManager } from '../src/index.js';
import { engines, labels, reasonOf, useEntries } from './support/databases.js';

describe.each(engines)('tm.read on %s', (engine) => {
  const { database, knex, tm, add } = useEntries(engine);

  /** What is sent meanwhile, whoever sends it. */
  async function sent(work: () => Promise<unknown>): Promise<string[]> {
    const statements: string[] = [];
    const listen = ({ sql }: { sql: string }) => statements.push(sql);
    knex.client.on('query', listen);
    try {
      await work();
    } finally {
      knex.client.removeListener('query', listen);
    }
    return statements;
  }
  const read = () => tm.read(() => tm.db('entry').where({ label: 'a' }).first());

  it('is one round trip: the statement itself, and no BEGIN', async () => {
    await read();
    const statements = await sent(read);
    expect(statements).toHaveLength(1);
    expect(statements[0]).toMatch(/^select/);
  });

  it('asks for no position in a log where there are no replicas', async () => {
    const work = () => tm.run(() => add('b'));
    const statements = await sent(work);
    expect(statements).toHaveLength(3);
    expect(statements.at(-1)).toBe('COMMIT');
  });

  it('with a snapshot is a transaction that the server holds read-only', async () => {
    const snapshot = (fn: () => Promise<unknown>) => tm.read({ snapshot: true }, fn);
    const statements = await sent(() => snapshot(async () => tm.db('entry').first()));
    expect(statements.join('; ').toLowerCase()).toMatch(/begin|start transaction/);
    expect(statements.at(-1)).toBe('COMMIT');
    const reason = (await reasonOf(snapshot(() => add('never')))) as { code: string };
    expect(reason.code).toBe(
      { postgres: '25006', mysql: 'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION', sqlite: 'SQLITE_READONLY' }[
        engine
      ],
    );
    if (engine !== 'postgres') return;
    const { rows } = (await snapshot(async () =>
      tm.db.raw(
        "select current_setting('transaction_isolation') as level, current_setting('transaction_read_only') as only",
      ),
    )) as { rows: unknown[] };
    expect(rows).toEqual([{ level: 'repeatable read', only: 'on' }]);
  });

  it('is refused a write by the server itself', async () => {
    expect(await reasonOf(tm.read(() => add('never')))).toBeInstanceOf(Error);
    expect(await labels(knex)).toEqual([]);
  });

  if (engine === 'postgres')
    it('is refused one that its text does not tell, too', async () => {
      await knex.raw(
        "create or replace function sneak() returns int language sql as $$ insert into entry (label) values ('sneaked'); select 1 $$",
      );
      const reason = await reasonOf(tm.read(async () => tm.db.raw('select sneak()')));
      expect(reason).toMatchObject({ code: '25006' });
      expect(await labels(knex)).toEqual([]);
    });

  it('leaves the connection to plain knex and to tm.run as it found it', async () => {
    await read();
    await knex('entry').insert({ label: 'by plain knex' });
    await read();
    await tm.run(() => add('by tm.run'));
    await read();
    await add('by tm.db');
    expect(await labels(knex)).toEqual(['by plain knex', 'by tm.run', 'by tm.db']);
  });

  if (engine === 'postgres')
    it('does not make a role writable that is read-only by its own setting', async () => {
      await knex.raw('alter role current_user set default_transaction_read_only = on');
      const readOnly = database.pool();
      const manager = createTransactionManager({ name: 'read-only role', primary: readOnly });
      await manager.read(async () => manager.db('entry').first());
      const write = manager.run(async () => void (await manager.db('entry').insert({ label: 'never' })));
      expect(await reasonOf(write)).toMatchObject({ code: '25006' });
      await manager.close();
      await knex.raw('alter role current_user reset default_transaction_read_only');
    });

  it("waits with dangling: 'await' no longer than timeoutMs", async () => {
    await knex('entry').insert(Array.from({ length: 500 }, (_, index) => ({ label: `${index}` })));
    const reason = await reasonOf(
      tm.run({ readOnly: true, dangling: 'await', timeoutMs: 300 }, async () => {
        // Nobody reads it.
        const rows = tm.db('entry').stream({ highWaterMark: 1 });
        rows.on('error', () => {});
        await delay(1);
      }),
    );
    expect(reason).toMatchObject({ code: 'KIT_TX_TIMEOUT' });
    expect(knex.client.pool.numUsed()).toBe(0);
  });
});
