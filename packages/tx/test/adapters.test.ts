import 'reflect-metadata';
import { Controller, Get, Inject, Post } from '@nestjs/common';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startExpress, startFastify, startNest } from 'kit-tooling/apps';
import { txMiddleware } from '../src/express.js';
import { txPlugin } from '../src/fastify.js';
import { createTransactionManager, runWithReadYourWrites, type TransactionManager } from '../src/index.js';
import { ReadOnly, Transactional, TX_MANAGER, TxModule } from '../src/nest.js';
import { openDatabase, resetEntries, type TestDatabase } from './support/databases.js';

let database: TestDatabase;
let tm: TransactionManager;

beforeAll(async () => {
  database = await openDatabase('sqlite');
  const primary = database.pool();
  // Another database: it never has what the primary got, like a replica that lags for ever.
  const replica = database.pool({ connection: { filename: `${database.url}.replica` } });
  await resetEntries(primary);
  await resetEntries(replica);
  await replica('entry').insert({ label: 'on the replica' });
  tm = createTransactionManager({ name: 'adapters', primary, replicas: [replica] });
});
afterAll(async () => {
  await tm.close();
  await database.close();
});

let counter = 0;
async function write(): Promise<{ transaction: boolean; found: boolean }> {
  counter += 1;
  const label = `row ${counter}`;
  const transaction = tm.isActive();
  await tm.run(async () => void (await tm.db('entry').insert({ label })));
  const row = await tm.read(() => tm.db('entry').where({ label }).first());
  return { transaction, found: row !== undefined };
}
const read = async () => ({ labels: await tm.read(() => tm.db('entry').limit(1).pluck('label')) });

class Service {
  constructor(readonly manager: TransactionManager) {}
  write() {
    return write();
  }
  read() {
    return read();
  }
  async decorated() {
    return { active: this.manager.isActive() };
  }
  async decoratedRead() {
    return { labels: await this.manager.db('entry').limit(1).pluck('label') };
  }
}
Controller()(Service);
Inject(TX_MANAGER)(Service, undefined, 0);
const decorate = (key: keyof Service, ...decorators: ((...args: any[]) => any)[]) => {
  let descriptor = Object.getOwnPropertyDescriptor(Service.prototype, key)!;
  for (const decorator of decorators)
    descriptor = decorator(Service.prototype, key, descriptor) ?? descriptor;
  Object.defineProperty(Service.prototype, key, descriptor);
};
decorate('write', Post('write') as never);
decorate('read', Get('read') as never);
// In either order: a route's metadata survives the wrapping.
decorate('decorated', Get('decorated') as never, Transactional({ manager: 'adapters' }));
decorate('decoratedRead', ReadOnly({ manager: () => tm }), Get('decorated-read') as never);

const nest = (platform: 'express' | 'fastify') =>
  startNest(
    { module: class {}, imports: [TxModule.forRoot({ manager: tm })], controllers: [Service] } as never,
    platform,
  );

describe.each([
  [
    'express',
    () =>
      startExpress((app) => {
        app.use(txMiddleware());
        app.use(express.json());
        app.post('/write', async (_request, response) => void response.json(await write()));
        app.get('/read', async (_request, response) => void response.json(await read()));
      }),
  ],
  [
    'fastify',
    () =>
      startFastify(async (app) => {
        await app.register(txPlugin);
        app.post('/write', write);
        app.get('/read', read);
      }),
  ],
  ['nest on express', () => nest('express')],
  ['nest on fastify', () => nest('fastify')],
] as const)('the adapter for %s', (name, start) => {
  let app: { url: string; close(): Promise<void> };
  beforeAll(async () => {
    app = await start();
  });
  afterAll(() => app.close());

  const call = async (path: string, init?: RequestInit) => (await fetch(`${app.url}${path}`, init)).json();
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };

  it('a request reads what it wrote, and runs in no transaction', async () => {
    expect(await call('/write', post)).toEqual({ transaction: false, found: true });
  });

  it("another request's writes do not keep it from the replica", async () => {
    await call('/write', post);
    expect(await call('/read')).toEqual({ labels: ['on the replica'] });
  });

  it('twenty requests at once each see their own', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => call('/write', post)));
    expect(answers.every(({ found }: any) => found)).toBe(true);
  });

  if (name.startsWith('nest'))
    it('decorated handlers keep their route', async () => {
      expect(await call('/decorated')).toEqual({ active: true });
      expect(await call('/decorated-read')).toEqual({ labels: ['on the replica'] });
    });
});

it('runWithReadYourWrites does for a job what the adapters do for a request', async () => {
  await runWithReadYourWrites(async () => {
    expect(await write()).toMatchObject({ found: true });
    await runWithReadYourWrites(async () => expect(await read()).toEqual({ labels: ['on the replica'] }));
  });
});

it('TxModule.forRootAsync takes the manager from a factory', async () => {
  const module = TxModule.forRootAsync({ useFactory: async () => ({ tm }) });
  const app = await startNest({ module: class {}, imports: [module], controllers: [Service] } as never);
  expect(app.app.get(TX_MANAGER)).toBe(tm);
  await app.close();
});
