import knexFactory, { type Knex } from 'knex';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tx from '../src/index.js';
import { openDatabase, type TestDatabase } from './support/databases.js';

const { createTransactionManager } = tx;

describe('wrong options', () => {
  let database: TestDatabase;
  let primary: Knex;
  let tm: tx.TransactionManager;

  beforeAll(async () => {
    database = await openDatabase('sqlite');
    primary = database.pool();
    tm = createTransactionManager({ name: 'options', primary });
  });
  afterAll(async () => {
    await tm.close();
    await database.close();
  });

  it.each<[object, string]>([
    [{}, 'primary must be a knex instance (not a knex transaction), got undefined'],
    [{ primary: {} }, 'primary must be a knex instance'],
    [{ name: '' }, 'name must be a non-empty string, got ""'],
    [{ replicas: 1 }, 'replicas must be an array of knex instances, got 1'],
    [{ replicas: [{}] }, 'replicas[0] must be a knex instance'],
    [{ maxDepth: 0 }, 'maxDepth must be an integer >= 1, got 0'],
    [{ maxDepth: 1.5 }, 'maxDepth must be an integer >= 1, got 1.5'],
    [{ gateTimeoutMs: 0 }, 'gateTimeoutMs must be > 0 and <= 2147483647, got 0'],
    [{ dangling: 'ignore' }, 'dangling must be error or await, got "ignore"'],
    [{ domain: 'x' }, 'domain must be an object, got "x"'],
    [{ domain: { name: '', allow: [] } }, 'domain.name must be a non-empty string, got ""'],
    [{ domain: { name: 'x', allow: [] } }, 'domain.allow must be a non-empty array, got an array'],
    [
      { domain: { name: 'x', allow: [{}] } },
      'domain.allow[0].database must be a non-empty string, got undefined',
    ],
    [
      { domain: { name: 'x', allow: [{ database: 'x', host: 1 }] } },
      'domain.allow[0].host must be a non-empty string, got 1',
    ],
    [{ domain: { name: 'x', allow: [null] } }, 'domain.allow[0].database must be a non-empty string'],
    [
      { domain: { name: 'x', allow: [{ database: 'x' }], mode: 'lax' } },
      'domain.mode must be strict or warn, got "lax"',
    ],
  ])('createTransactionManager %#', (options, message) => {
    const given = Object.keys(options).length === 0 ? {} : { primary, ...options };
    expect(() => createTransactionManager(given as never)).toThrow(message);
  });

  it('createTransactionManager without options, with a transaction, with a database it does not know', async () => {
    expect(() => createTransactionManager(undefined as never)).toThrow(
      'options must be an object, got undefined',
    );
    await primary.transaction(async (trx) => {
      expect(() => createTransactionManager({ primary: trx })).toThrow('not a knex transaction');
    });
    const stranger = Object.assign(() => {}, { client: { driverName: 'oracledb' } });
    expect(() => createTransactionManager({ primary: stranger as never })).toThrow(
      'primary must be a knex for pg, mysql2 or better-sqlite3, got one for "oracledb"',
    );
  });

  it.each<[object, string]>([
    [{ propagation: 'SOMETIMES' }, 'propagation must be one of REQUIRED, '],
    [{ isolation: 'snapshot' }, 'isolation must be one of read uncommitted, '],
    [{ isolation: 'read committed' }, 'isolation on sqlite must be serializable, got "read committed"'],
    [{ readOnly: 'yes' }, 'readOnly must be a boolean, got "yes"'],
    [{ durable: 1 }, 'durable must be a boolean, got 1'],
    [{ snapshot: true }, 'snapshot must come with readOnly: true'],
    [{ timeoutMs: 0 }, 'timeoutMs must be > 0 and <= 2147483647, got 0'],
    [{ timeoutMs: Number.NaN }, 'timeoutMs must be > 0'],
    [{ signal: {} }, 'signal must be an AbortSignal, got an object'],
    [{ dangling: true }, 'dangling must be error or await, got true'],
    [{ retry: 3 }, 'retry must be an object, got 3'],
    [{ retry: { attempts: 0 } }, 'retry.attempts must be an integer >= 1, got 0'],
    [{ retry: { attempts: 2, baseMs: -1 } }, 'retry.baseMs must be >= 0, got -1'],
    [
      { noRollbackFor: 'Error' },
      'noRollbackFor must be an array of names or codes, or a function, got "Error"',
    ],
  ])('tm.run %#', async (options, message) => {
    await expect(tm.run(options as never, async () => {})).rejects.toThrow(message);
  });

  it.each([
    [() => tm.run(undefined as never), 'options must be an object, got undefined'],
    [() => tm.run({}, 5 as never), 'fn must be a function, got 5'],
    [() => tm.read(null as never, async () => {}), 'options must be an object, got null'],
    [
      () => tm.advisoryLock({} as never, async () => {}),
      'key must be a non-empty string, a number or a bigint',
    ],
  ])('calls without what they need %#', async (call, message) => {
    await expect(call()).rejects.toThrow(message);
  });

  it('a hook that is no function', async () => {
    await expect(tm.run(async () => tm.afterCommit(1 as never))).rejects.toThrow(
      'fn must be a function, got 1',
    );
  });

  it('accepts a knex with a pool of one', async () => {
    const single = database.pool({ pool: { min: 0, max: 1 } });
    await using manager = createTransactionManager({ name: 'single', primary: single });
    expect(await manager.run(async () => 'ran')).toBe('ran');
  });
});

describe('the errors', () => {
  const names = Object.keys(tx).filter((name) => /^[A-Z].*Error$/.test(name));

  it.each(names)('%s has a code, a name, a cause and a guard that knows other copies', (name) => {
    const make = (tx as unknown as Record<string, new (message: string, options: object) => Error>)[name]!;
    const guard = (tx as unknown as Record<string, (error: unknown) => boolean>)[`is${name}`]!;
    const error = new make('message', { cause: 'why' }) as Error & { code: string };
    expect(error).toMatchObject({
      name,
      message: 'message',
      cause: 'why',
      code: expect.stringMatching(/^KIT_TX_/),
    });
    expect(guard(error)).toBe(true);
    const brand = Symbol.for('@kit/tx/error');
    expect(guard({ [brand]: (error as unknown as Record<symbol, unknown>)[brand] })).toBe(true);
    for (const other of [new Error(name), null, undefined, name, {}]) expect(guard(other)).toBe(false);
    const otherGuards = names
      .filter((other) => other !== name)
      .map((other) => (tx as unknown as Record<string, (error: unknown) => boolean>)[`is${other}`]!);
    for (const other of otherGuards) expect(other(error)).toBe(false);
  });

  it.each(names)('the guard of %s takes a proxy that throws for none', (name) => {
    const guard = (tx as unknown as Record<string, (error: unknown) => boolean>)[`is${name}`]!;
    const refuse = () => {
      throw new Error('do not look');
    };
    expect(guard(new Proxy({}, { get: refuse, has: refuse, getPrototypeOf: refuse }))).toBe(false);
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(guard(proxy)).toBe(false);
  });

  it('a request with a wrong idempotency key has an HTTP status', () => {
    expect(new tx.IdempotencyMismatchError('x').status).toBe(422);
    expect(new tx.IdempotencyInProgressError('x').status).toBe(409);
  });
});

describe('the ambient transaction', () => {
  it('is one for two copies of the package, under Symbol.for("@kit/tx")', () => {
    expect((globalThis as unknown as Record<symbol, unknown>)[Symbol.for('@kit/tx')]).toMatchObject({
      version: 1,
    });
  });

  it('does not leak into a knex that was only made from the same configuration', async () => {
    const database = await openDatabase('sqlite');
    const tm = createTransactionManager({ name: 'leak', primary: database.pool() });
    const other = knexFactory({
      client: 'better-sqlite3',
      connection: { filename: ':memory:' },
      useNullAsDefault: true,
    });
    const otherTm = createTransactionManager({ name: 'leak 2', primary: other });
    await tm.run(async () => expect(otherTm.isActive()).toBe(false));
    await tm.close();
    await otherTm.close();
    await other.destroy();
    await database.close();
  });
});
