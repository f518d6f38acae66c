import { describe, expect, it } from 'vitest';
import { createHealth, type CheckResult } from '../src/index.js';

const reportOf = async (check: () => unknown) => {
  const health = createHealth({ timeoutMs: 1_000 });
  health.add({ name: 'odd', check: check as () => CheckResult });
  const report = await health.report();
  return { status: report.status, ...report.checks[0] };
};
const failing = (error: unknown) =>
  reportOf(() => {
    throw error;
  });

describe('a check that misbehaves', () => {
  it('is unhealthy when it throws synchronously, rejects, or throws no error at all', async () => {
    expect(await failing(new Error('boom'))).toMatchObject({ status: 'unhealthy', message: 'boom' });
    expect(await reportOf(() => Promise.reject(new Error('boom')))).toMatchObject({ message: 'boom' });
    for (const odd of [undefined, null, 5, '', Symbol('x'), {}])
      expect(await failing(odd)).toMatchObject({ status: 'unhealthy', message: 'failed' });
  });

  it.each([undefined, null, true, 'healthy', 5, [], {}, { status: 'ok' }, { status: 'toString' }])(
    'is unhealthy when it returns %j',
    async (nonsense) => {
      expect(await reportOf(() => nonsense)).toMatchObject({
        status: 'unhealthy',
        message: 'the check returned no valid status',
      });
    },
  );

  it('leaves out a message that is no text and metadata that is no object', async () => {
    const check = await reportOf(() => ({ status: 'healthy', message: 5, metadata: 'x' }));
    expect(check).not.toHaveProperty('message');
    expect(check).not.toHaveProperty('metadata');
  });

  it('cannot change what was reported by changing its metadata later', async () => {
    const metadata = { open: 1, list: [1] };
    const check = await reportOf(() => ({ status: 'healthy', metadata }));
    metadata.open = 2;
    metadata.list.push(2);
    expect(check.metadata).toEqual({ open: 1, list: [1] });
    expect(Object.isFrozen(check.metadata)).toBe(true);
  });
});

describe('metadata', () => {
  const metadataOf = async (metadata: unknown) =>
    (await reportOf(() => ({ status: 'healthy', metadata }))).metadata;

  it('masks secrets by their key, at every depth', async () => {
    const secrets = {
      password: 'a',
      dbPassword: 'b',
      accessToken: 'c',
      nested: { apiKey: 'd', api_key: 'e', Authorization: 'f' },
      list: [{ clientSecret: 'g' }],
    };
    expect(await metadataOf({ ...secrets, user: 'ann' })).toEqual({
      password: '***',
      dbPassword: '***',
      accessToken: '***',
      nested: { apiKey: '***', api_key: '***', Authorization: '***' },
      list: [{ clientSecret: '***' }],
      user: 'ann',
    });
  });

  it('masks connection strings and credentials inside of texts', async () => {
    const { text } = (await metadataOf({
      text: 'lost postgres://kit:pw@db.internal:5432/pay, password=abc',
    })) as { text: string };
    expect(text).not.toMatch(/db\.internal|pw|abc/);
  });

  it('cuts cycles and depth, and copes with odd values', async () => {
    const cyclic: Record<string, unknown> = { a: 1 };
    cyclic.self = cyclic;
    expect(await metadataOf(cyclic)).toEqual({ a: 1, self: '[circular]' });
    expect(await metadataOf({ a: { b: { c: { d: { e: 1 } } } } })).toEqual({
      a: { b: { c: { d: '[deeper]' } } },
    });
    const odd = Object.defineProperty(
      { big: 5n, at: new Date(0), bad: new Date(NaN), fn: () => 1, none: undefined },
      'trap',
      {
        enumerable: true,
        get: () => {
          throw new Error('trap');
        },
      },
    );
    expect(await metadataOf(odd)).toEqual({
      big: '5',
      at: '1970-01-01T00:00:00.000Z',
      bad: null,
      trap: '[unreadable]',
    });
    expect(await metadataOf([1, 2])).toEqual({ items: [1, 2] });
    expect(await metadataOf(JSON.parse('{"__proto__":{"polluted":true},"a":1}'))).toEqual({ a: 1 });
    expect({}).not.toHaveProperty('polluted');
  });

  it('is replaced when there are 10 MB of it, without being read to the end', async () => {
    let reads = 0;
    const huge = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [
        `k${index}`,
        Array.from({ length: 1_000 }, () => 'x'.repeat(200)),
      ]),
    );
    const counted = new Proxy(huge, {
      get: (target, key: string) => {
        reads += 1;
        return target[key];
      },
    });
    expect(await metadataOf(counted)).toEqual({ truncated: true });
    expect(reads).toBeLessThan(10);
    expect(JSON.stringify(await metadataOf({ text: 'x'.repeat(10_000_000) })).length).toBeLessThan(1_000);
  });
});

describe('what a report says of an error', () => {
  it.each([
    [Object.assign(new Error('getaddrinfo ENOTFOUND db.internal'), { code: 'ENOTFOUND' }), 'ENOTFOUND'],
    [new Error('connect ECONNREFUSED 10.1.2.3:5432'), 'ECONNREFUSED'],
    [Object.assign(new Error('password authentication failed for user "kit"'), { code: '28P01' }), '28P01'],
    [
      new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'UND_ERR_SOCKET' }) }),
      'UND_ERR_SOCKET',
    ],
    [Object.assign(new Error('NOAUTH Authentication required.'), { name: 'ReplyError' }), 'NOAUTH'],
    [Object.assign(new Error('odd'), { code: 'a host: db.internal' }), 'odd'],
    [Object.assign(new Error('odd'), { code: 500 }), 'odd'],
  ])('%s becomes its code', async (error, message) => {
    expect((await failing(error)).message).toBe(message);
  });

  it.each([
    'no answer from redis://:pw@cache.internal:6379/0 yet',
    'no answer from cache.internal:6379 yet',
    'no answer from 192.168.7.9:6379 yet',
    'no answer, host=cache.internal password=pw',
    'no answer\nat cache.internal',
  ])('%j keeps its words but no address', async (text) => {
    const { message } = await failing(new Error(text));
    expect(message).toContain('no answer');
    expect(message).not.toMatch(/internal|pw|192/);
  });

  it('stops at a cause that is its own cause', async () => {
    const error = new Error('round');
    error.cause = error;
    expect((await failing(error)).message).toBe('round');
  });
});
