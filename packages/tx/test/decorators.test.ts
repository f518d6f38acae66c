import ts from 'typescript';
import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createTransactionManager,
  isPropagationError,
  ReadOnly,
  Transactional,
  transactional,
  type TransactionManager,
} from '../src/index.js';
import { labels, openDatabase, resetEntries, type TestDatabase } from './support/databases.js';

interface Service {
  add(label: string): Promise<string>;
  undo(label: string): Promise<void>;
  list(): Promise<string[]>;
  writeInRead(): Promise<void>;
  sync(): unknown;
}

/** The same class, compiled with either kind of decorators. */
const source = `
  class Base { constructor(tm) { this.tm = tm; this.prefix = 'p:'; } }
  class Service extends Base {
    @Transactional({ manager: 'decorated' })
    async add(label) { await this.tm.db('entry').insert({ label: this.prefix + label }); return this.prefix + label; }
    @Transactional({ manager: () => byFunction() })
    async undo(label) { await this.tm.db('entry').insert({ label }); throw new Error('undo'); }
    @ReadOnly()
    async list() { return this.tm.db('entry').orderBy('id').pluck('label'); }
    @ReadOnly({ manager: given })
    async writeInRead() { await this.add('never'); }
    @Transactional()
    sync() { return 'not a promise'; }
  }
  return Service;`;

function compile(kind: 'TC39' | 'legacy', tm: TransactionManager): new (tm: TransactionManager) => Service {
  const { outputText } = ts.transpileModule(`function make() {${source}}`, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      experimentalDecorators: kind === 'legacy',
      module: ts.ModuleKind.ESNext,
    },
  });
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- the only way to have both kinds in one file
  const make = new Function(
    'Transactional',
    'ReadOnly',
    'given',
    'byFunction',
    `${outputText}; return make();`,
  );
  return make(Transactional, ReadOnly, tm, () => tm);
}

describe.each(['TC39', 'legacy'] as const)('%s decorators', (kind) => {
  let database: TestDatabase;
  let knex: Knex;
  let tm: TransactionManager;
  let service: Service;

  beforeAll(async () => {
    database = await openDatabase('sqlite');
    knex = database.pool();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await resetEntries(knex);
    tm = createTransactionManager({ name: 'decorated', primary: knex });
    service = new (compile(kind, tm))(tm);
    return () => tm.close();
  });

  it('run the method in a transaction, with its this, arguments and result', async () => {
    expect(await service.add('a')).toBe('p:a');
    await expect(service.undo('b')).rejects.toThrow('undo');
    expect(await service.list()).toEqual(['p:a']);
  });

  it('join like tm.run and tm.read do', async () => {
    await tm.run(async () => {
      await service.add('a');
      tm.setRollbackOnly();
    });
    expect(await labels(knex)).toEqual([]);
    await expect(service.writeInRead()).rejects.toSatisfy(isPropagationError);
  });

  it('refuse a synchronous method when it is called, and undo nothing because nothing was begun in vain', async () => {
    await expect(service.sync() as Promise<unknown>).rejects.toThrow('sync must return a promise');
  });

  it('resolve the manager at call time', async () => {
    await tm.close();
    await expect(service.add('a')).rejects.toThrow(
      'manager must be the name of an open manager, got "decorated"',
    );
    tm = createTransactionManager({ name: 'decorated', primary: knex });
    expect(await new (compile(kind, tm))(tm).add('b')).toBe('p:b');
  });

  it('keep the name and the length of the method', () => {
    expect(service.add.name).toBe('add');
    expect(service.add).toHaveLength(1);
  });
});

describe('decorators in the wrong place', () => {
  it('do not compile on a synchronous method', () => {
    class Wrong {
      // @ts-expect-error -- the method returns no promise
      @Transactional()
      sync() {
        return 1;
      }
    }
    expect(new Wrong()).toBeInstanceOf(Wrong);
  });

  it('throw on a class, a field and a generator', () => {
    const decorate = Transactional() as unknown as (...args: unknown[]) => unknown;
    class Target {}
    expect(() => decorate(Target)).toThrow('@Transactional() must decorate a method, got a class');
    expect(() => decorate(undefined, { kind: 'field', name: 'x' })).toThrow('got a field');
    expect(() => decorate({}, 'x', { get: () => 1 })).toThrow('must decorate a method');
    const generator = { *rows() {}, async *more() {} };
    expect(() => decorate(generator, 'rows', { value: generator.rows })).toThrow('generator rows');
    expect(() => decorate(generator.more, { kind: 'method', name: 'more' })).toThrow('generator more');
  });

  it('ask for a name where several managers are open', async () => {
    const database = await openDatabase('sqlite');
    const [one, two] = [database.pool(), database.pool()].map((primary, index) =>
      createTransactionManager({ name: `manager ${index}`, primary }),
    );
    class Service {
      @Transactional()
      async call() {}
    }
    await expect(new Service().call()).rejects.toThrow('manager must be given where not exactly one is open');
    await one!.close();
    await new Service().call();
    expect(() => transactional(two!)(function* () {} as never)).toThrow('generator');
    await two!.close();
    await expect(new Service().call()).rejects.toThrow('open are: none');
    await database.close();
  });
});
