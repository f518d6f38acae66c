import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createIdempotency } from '../src/index.js';
import { type Database, engines, eventually, openDatabase } from './durable-setup.js';
import { wrongNames } from './support/wrong-names.js';

describe.each(engines)('createIdempotency on %s', (engine) => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase(engine);
  });
  afterAll(() => database.close());
  beforeEach(() => database.empty());

  it('answers the same key and body with the stored response', async () => {
    const idempotency = createIdempotency(database.tm);
    let calls = 0;
    const pay = (body: unknown) => idempotency.run({ key: 'k', body }, async () => ({ id: (calls += 1) }));
    expect(await pay({ amount: 1, currency: 'EUR' })).toEqual({ replayed: false, response: { id: 1 } });
    expect(await pay({ currency: 'EUR', amount: 1 })).toEqual({ replayed: true, response: { id: 1 } });
    expect(calls).toBe(1);
  });

  it('refuses the same key with another body as a mismatch', async () => {
    const idempotency = createIdempotency(database.tm);
    await idempotency.run({ key: 'k', body: 1 }, async () => 'x');
    await expect(idempotency.run({ key: 'k', body: 2 }, async () => 'y')).rejects.toMatchObject({
      name: 'IdempotencyMismatchError',
      code: 'KIT_TX_IDEMPOTENCY_MISMATCH',
      status: 422,
    });
  });

  it('refuses a second request while the first runs, and replays it afterwards', async () => {
    const idempotency = createIdempotency(database.tm);
    let finish: (value: string) => void = () => {};
    const first = idempotency.run(
      { key: 'k', body: 1 },
      () => new Promise<string>((resolve) => (finish = resolve)),
    );
    await eventually(async () => (await database.knex('kit_idempotency')).length === 1);
    await expect(idempotency.run({ key: 'k', body: 1 }, async () => 'second')).rejects.toMatchObject({
      name: 'IdempotencyInProgressError',
      code: 'KIT_TX_IDEMPOTENCY_IN_PROGRESS',
      status: 409,
    });
    finish('first');
    await first;
    expect(await idempotency.run({ key: 'k', body: 1 }, async () => 'third')).toEqual({
      replayed: true,
      response: 'first',
    });
  });

  it('lets exactly one of many at once through', async () => {
    const idempotency = createIdempotency(database.tm);
    let calls = 0;
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => idempotency.run({ key: 'k', body: 1 }, async () => (calls += 1))),
    );
    expect(calls).toBe(1);
    const refusals = results
      .filter((result) => result.status === 'rejected')
      .map(({ reason }) => reason.code);
    expect(refusals.every((code) => code === 'KIT_TX_IDEMPOTENCY_IN_PROGRESS')).toBe(true);
    const answers = results
      .filter((result) => result.status === 'fulfilled')
      .map(({ value }) => value.response);
    expect(answers.length).toBeGreaterThan(0);
    expect(new Set(answers)).toEqual(new Set([1]));
  });

  it('frees the key when the function fails or answers what JSON cannot hold', async () => {
    const idempotency = createIdempotency(database.tm);
    await expect(
      idempotency.run({ key: 'k', body: 1 }, () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no');
    await expect(idempotency.run({ key: 'k', body: 1 }, async () => new Map())).rejects.toThrow(
      'the response must be',
    );
    expect(await idempotency.run({ key: 'k', body: 2 }, async () => undefined)).toEqual({
      replayed: false,
      response: undefined,
    });
    expect(await idempotency.run({ key: 'k', body: 2 }, async () => 1)).toEqual({
      replayed: true,
      response: undefined,
    });
  });

  it('lets a request be repeated whose process is gone, and fences that process out', async () => {
    const idempotency = createIdempotency(database.tm, { leaseMs: 60_000 });
    const claim = await idempotency.claim({ key: 'k', body: 1 });
    if (claim.replayed) throw new Error('it cannot be');
    claim.letGo();
    await database.knex('kit_idempotency').update({ due_at: 1 });
    await expect(idempotency.run({ key: 'k', body: 2 }, async () => 1)).rejects.toThrow('another body');
    expect(await idempotency.run({ key: 'k', body: 1 }, async () => 'again')).toEqual({
      replayed: false,
      response: 'again',
    });
    await expect(claim.complete('late')).rejects.toMatchObject({ code: 'KIT_TX_LEASE_LOST' });
    await claim.release();
    expect(await idempotency.run({ key: 'k', body: 1 }, async () => 'x')).toMatchObject({
      response: 'again',
    });
  });

  it('renews a long request before its lease ends, so that it is not repeated beside itself', async () => {
    const leaseMs = 6_000;
    const idempotency = createIdempotency(database.tm, { leaseMs });
    const lease = async () => Number((await database.knex('kit_idempotency').first('due_at'))?.due_at ?? 0);
    let finish = () => {};
    const long = idempotency.run(
      { key: 'k', body: 1 },
      () => new Promise<void>((resolve) => (finish = resolve)),
    );
    const taken = await eventually(async () => (await lease()) || false);
    const renewed = await eventually(async () => {
      const until = await lease();
      return until > taken && until;
    });
    expect(renewed - taken).toBeLessThan(leaseMs);
    finish();
    expect(await long).toMatchObject({ replayed: false });
  });

  it('renews no more what was let go', async () => {
    const idempotency = createIdempotency(database.tm, { leaseMs: 300 });
    const claim = await idempotency.claim({ key: 'k', body: 1 });
    if (claim.replayed) throw new Error('it cannot be');
    claim.letGo();
    const again = await eventually(() =>
      idempotency
        .run({ key: 'k', body: 1 }, async () => 'again')
        .catch((error: { code?: string }) => {
          if (error.code !== 'KIT_TX_IDEMPOTENCY_IN_PROGRESS') throw error;
          return false as const;
        }),
    );
    expect(again).toEqual({ replayed: false, response: 'again' });
  });

  it('lets one of many have a key whose process is gone', async () => {
    const idempotency = createIdempotency(database.tm);
    const claim = await idempotency.claim({ key: 'k', body: 1 });
    if (claim.replayed) throw new Error('it cannot be');
    claim.letGo();
    await database.knex('kit_idempotency').update({ due_at: 1 });
    let calls = 0;
    await Promise.allSettled(
      Array.from({ length: 8 }, () => idempotency.run({ key: 'k', body: 1 }, async () => (calls += 1))),
    );
    expect(calls).toBe(1);
  });

  it('keeps an answer that somebody frees afterwards', async () => {
    const idempotency = createIdempotency(database.tm);
    const claim = await idempotency.claim({ key: 'k', body: 1 });
    if (claim.replayed) throw new Error('it cannot be');
    await claim.complete('kept');
    await claim.release();
    expect(await idempotency.run({ key: 'k', body: 1 }, async () => 'x')).toEqual({
      replayed: true,
      response: 'kept',
    });
  });

  it('forgets a response after its time and takes the key for a new request', async () => {
    const idempotency = createIdempotency(database.tm, { ttlMs: 1_000 });
    await idempotency.run({ key: 'k', body: 1 }, async () => 'old');
    await idempotency.run({ key: 'l', body: 1 }, async () => 'old');
    await database.knex('kit_idempotency').update({ due_at: 1 });
    expect(await idempotency.run({ key: 'k', body: 2 }, async () => 'new')).toEqual({
      replayed: false,
      response: 'new',
    });
    expect(await idempotency.purge()).toBe(1);
    expect(await database.knex('kit_idempotency').pluck('id')).toEqual(['k']);
  });

  it('commits or rolls back with the transaction it is called in', async () => {
    const idempotency = createIdempotency(database.tm);
    const inside = (fail: boolean) =>
      database.tm.run(async () => {
        const result = await idempotency.run({ key: 'k', body: 1 }, async () => {
          await database.tm.db('effects').insert({ name: 'x' });
          return 'kept';
        });
        if (fail) throw new Error('later');
        return result;
      });
    await expect(inside(true)).rejects.toThrow('later');
    expect(await inside(false)).toEqual({ replayed: false, response: 'kept' });
    expect(await inside(false)).toEqual({ replayed: true, response: 'kept' });
    expect(await database.knex('effects')).toHaveLength(1);
  });

  it.each(wrongNames)('refuses $name as a key', async ({ value, rule }) => {
    const idempotency = createIdempotency(database.tm);
    const request = { key: value as string, body: 1 };
    await expect(idempotency.run(request, async () => 1)).rejects.toThrow(`key must be ${rule(255)}`);
    await expect(idempotency.claim(request)).rejects.toThrow(`key must be ${rule(255)}`);
    expect(await database.knex('kit_idempotency')).toEqual([]);
  });

  it.each<[unknown, unknown, string]>([
    [undefined, async () => 1, 'request must be an object, got undefined'],
    ['k', async () => 1, 'request must be an object, got "k"'],
    [{ key: 'k', body: 1n }, async () => 1, 'body must be something JSON can hold, got a bigint at its root'],
    [
      { key: 'k', body: { at: [NaN] } },
      async () => 1,
      'body must be something JSON can hold, got NaN at .at.0',
    ],
    [{ key: 'k', body: 1 }, undefined, 'fn must be a function, got undefined'],
  ])('refuses the request %o with %o', async (request, fn, text) => {
    const run = createIdempotency(database.tm).run(request as never, fn as never);
    await expect(run).rejects.toThrow(text);
    expect(await database.knex('kit_idempotency')).toEqual([]);
  });
});
