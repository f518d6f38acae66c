import { describe, expect, it } from 'vitest';
import {
  createBreaker,
  createBreakerAdmin,
  createBreakerRegistry,
  createBulkhead,
  createHttpClient,
  createPipeline,
  createRetry,
  createRetryBudget,
  createTimeout,
  fullJitter,
  isBreakerOpenError,
  runWithDeadline,
} from '../src/index.js';

type Case = [options: unknown, error: typeof TypeError | typeof RangeError, message: string];

const table = (name: string, create: (options: never) => unknown, cases: Case[]) =>
  describe(name, () => {
    it.each(cases)('refuses %j', (options, error, message) => {
      const attempt = () => create(options as never);
      expect(attempt).toThrow(error);
      expect(attempt).toThrow(message);
    });
  });

const name = 'x';
table('createBreaker', createBreaker, [
  [undefined, TypeError, 'options must be an object, got undefined'],
  [{}, TypeError, 'name must be a string, got undefined'],
  [{ name: ' ' }, RangeError, 'name must be a non-empty string, got " "'],
  [{ name, failureRatio: 3 }, RangeError, 'failureRatio must be > 0 and <= 1, got 3'],
  [{ name, failureRatio: 0 }, RangeError, 'failureRatio must be > 0 and <= 1, got 0'],
  [{ name, failureRatio: Number.NaN }, RangeError, 'failureRatio must be > 0 and <= 1, got NaN'],
  [{ name, failureRatio: '0.5' }, TypeError, 'failureRatio must be > 0 and <= 1, got "0.5"'],
  [{ name, windowMs: 0 }, RangeError, 'windowMs must be > 0, got 0'],
  [{ name, windowMs: Number.POSITIVE_INFINITY }, RangeError, 'windowMs must be > 0, got Infinity'],
  [{ name, minimumCalls: 0 }, RangeError, 'minimumCalls must be an integer >= 1, got 0'],
  [{ name, minimumCalls: 1.5 }, RangeError, 'minimumCalls must be an integer >= 1, got 1.5'],
  [{ name, openMs: -1 }, RangeError, 'openMs must be > 0, got -1'],
  [{ name, openMs: {} }, TypeError, 'openMs must be > 0 or a backoff, got an object'],
  [{ name, halfOpenMaxCalls: 0 }, RangeError, 'halfOpenMaxCalls must be an integer >= 1, got 0'],
  [{ name, halfOpenMaxWaitMs: 0 }, RangeError, 'halfOpenMaxWaitMs must be > 0, got 0'],
  [{ name, slowCallMs: 0 }, RangeError, 'slowCallMs must be > 0, got 0'],
  [{ name, slowCallMs: 1, slowCallRatio: 2 }, RangeError, 'slowCallRatio must be > 0 and <= 1, got 2'],
  [{ name, slowCallRatio: 0.5 }, RangeError, 'slowCallRatio must be given together with slowCallMs, got 0.5'],
  [{ name, rampMs: -1 }, RangeError, 'rampMs must be >= 0, got -1'],
  [{ name, readyToTrip: true }, TypeError, 'readyToTrip must be a function, got true'],
  [{ name, classify: [] }, TypeError, 'classify must be a function, got an array'],
  [{ name, onStateChange: 'log' }, TypeError, 'onStateChange must be a function, got "log"'],
  [{ name, now: 5 }, TypeError, 'now must be a function, got 5'],
  [{ name, captureStack: 1 }, TypeError, 'captureStack must be a boolean, got 1'],
]);
table('createRetry', createRetry, [
  [null, TypeError, 'options must be an object, got null'],
  [{ maxAttempts: 0 }, RangeError, 'maxAttempts must be an integer >= 1, got 0'],
  [
    { maxAttempts: Number.POSITIVE_INFINITY },
    RangeError,
    'maxAttempts must be an integer >= 1, got Infinity',
  ],
  [{ backoff: 100 }, TypeError, 'backoff must be a backoff such as fullJitter(), got 100'],
  [{ budget: 5 }, TypeError, 'budget must be an object, got 5'],
  [{ budget: { take: 1 } }, TypeError, 'budget must be a retry budget, got an object'],
  [{ budget: { take: () => 1 } }, TypeError, 'budget must be a retry budget, got an object'],
  [{ budget: { take: 1, give: () => {} } }, TypeError, 'budget must be a retry budget, got an object'],
  [{ retryOn: 'all' }, TypeError, 'retryOn must be a function, got "all"'],
  [{ maxRetryAfterMs: -1 }, RangeError, 'maxRetryAfterMs must be >= 0, got -1'],
]);
table('createRetryBudget', createRetryBudget, [
  [5, TypeError, 'options must be an object, got 5'],
  [{ tokens: -1 }, RangeError, 'tokens must be >= 0, got -1'],
  [{ retryCost: 0 }, RangeError, 'retryCost must be > 0, got 0'],
  [{ timeoutCost: 'x' }, TypeError, 'timeoutCost must be > 0, got "x"'],
  [{ successCredit: -1 }, RangeError, 'successCredit must be >= 0, got -1'],
]);
table('fullJitter', fullJitter, [
  [{ baseMs: 0 }, RangeError, 'baseMs must be > 0, got 0'],
  [{ baseMs: 'x' }, TypeError, 'baseMs must be > 0, got "x"'],
  [{ baseMs: 100, maxMs: 50 }, RangeError, 'maxMs must be >= baseMs (100), got 50'],
  [{ minMs: 5_000 }, RangeError, 'maxMs must be >= minMs (5000), got 2000'],
  [{ maxMs: 0 }, RangeError, 'baseMs must be > 0, got 0'],
  [{ baseMs: 1, maxMs: Number.NaN }, RangeError, 'maxMs must be > 0, got NaN'],
  [{ minMs: -1 }, RangeError, 'minMs must be >= 0, got -1'],
  [null, TypeError, 'options must be an object, got null'],
  [{ random: 0.5 }, TypeError, 'random must be a function, got 0.5'],
]);
table('createTimeout', createTimeout, [
  [undefined, TypeError, 'options must be an object, got undefined'],
  [{}, TypeError, 'timeoutMs must be given, or else adaptive, got undefined'],
  [
    { timeoutMs: 1, adaptive: { minMs: 1, maxMs: 2 } },
    TypeError,
    'timeoutMs must be given, or else adaptive, got 1',
  ],
  [{ timeoutMs: 0 }, RangeError, 'timeoutMs must be > 0 and <= 2147483647, got 0'],
  [{ timeoutMs: 2 ** 31 }, RangeError, 'timeoutMs must be > 0 and <= 2147483647, got 2147483648'],
  [{ adaptive: 5 }, TypeError, 'adaptive must be an object, got 5'],
  [{ adaptive: { minMs: 5 } }, TypeError, 'adaptive.maxMs must be > 0 and <= 2147483647, got undefined'],
  [{ adaptive: { minMs: 5, maxMs: 4 } }, RangeError, 'adaptive.maxMs must be >= adaptive.minMs (5), got 4'],
  [
    { adaptive: { minMs: 5, maxMs: 9, quantile: 2 } },
    RangeError,
    'adaptive.quantile must be > 0 and <= 1, got 2',
  ],
  [{ adaptive: { minMs: 5, maxMs: 9, factor: 0.5 } }, RangeError, 'adaptive.factor must be >= 1, got 0.5'],
  [{ adaptive: { minMs: 5, maxMs: 9, samples: 0 } }, RangeError, 'adaptive.samples must be an integer >= 1'],
]);
table('createBulkhead', createBulkhead, [
  [undefined, TypeError, 'options must be an object, got undefined'],
  [{}, TypeError, 'maxConcurrent must be an integer >= 1, got undefined'],
  [{ maxConcurrent: 0 }, RangeError, 'maxConcurrent must be an integer >= 1, got 0'],
  [{ maxConcurrent: 1, maxQueue: -1 }, RangeError, 'maxQueue must be an integer >= 0, got -1'],
  [{ maxConcurrent: 1, queueTimeoutMs: 0 }, RangeError, 'queueTimeoutMs must be > 0'],
]);
table('createBreakerRegistry', createBreakerRegistry, [
  [{ maxKeys: 0 }, RangeError, 'maxKeys must be an integer >= 1, got 0'],
  [{ defaults: { failureRatio: 3 } }, RangeError, 'failureRatio must be > 0 and <= 1, got 3'],
  [{ overrides: { a: { openMs: 0 } } }, RangeError, 'openMs must be > 0, got 0'],
  [{ overrides: { a: 5 } }, TypeError, 'overrides.a must be an object, got 5'],
]);
table('createPipeline', createPipeline, [
  [undefined, TypeError, 'options must be an object, got undefined'],
  [{ name, fallback: null }, TypeError, 'fallback must be a function or a cockatiel policy, got null'],
  [{}, TypeError, 'name must be a string, got undefined'],
  [{ name, breaker: 5 }, TypeError, 'breaker must be an object, got 5'],
  [{ name, retry: { execute: () => {} } }, TypeError, "retry must be options or this package's own"],
  [{ name, timeout: { timeoutMs: -1 } }, RangeError, 'timeoutMs must be > 0'],
  [{ name, bulkhead: {} }, TypeError, 'maxConcurrent must be an integer >= 1'],
  [{ name, totalTimeoutMs: 0 }, RangeError, 'totalTimeoutMs must be > 0'],
  [
    { name, fallback: 'cached' },
    TypeError,
    'fallback must be a function or a cockatiel policy, got "cached"',
  ],
]);
table('createHttpClient', createHttpClient, [
  [{ name }, TypeError, 'baseUrl must be an absolute http(s) URL'],
  [{ name, baseUrl: '/api' }, TypeError, 'baseUrl must be an absolute http(s) URL, got "/api"'],
  [
    { name, baseUrl: 'db://u:secret@x' },
    TypeError,
    'baseUrl must be an absolute http(s) URL, got "[hidden]"',
  ],
  [{ name, baseUrl: 'http://x', headers: 5 }, TypeError, 'headers must be an object, got 5'],
  [{ name, baseUrl: 'file:///etc' }, TypeError, 'baseUrl must be an absolute http(s) URL'],
  [{ name, baseUrl: 'http://x', fetch: 5 }, TypeError, 'fetch must be a function, got 5'],
  [{ name, baseUrl: 'http://x', traceHeaders: 'no' }, TypeError, 'traceHeaders must be a boolean, got "no"'],
  [{ name, baseUrl: 'http://x', maxResponseBytes: 0 }, RangeError, 'maxResponseBytes must be > 0, got 0'],
]);
table('createBreakerAdmin', createBreakerAdmin, [
  [{ authorize: () => true }, TypeError, 'breakers must be a registry or a list of breakers'],
  [{ breakers: [], authorize: () => true, path: 'x' }, TypeError, 'path must be a string that starts with /'],
]);
table('runWithDeadline', (ms) => runWithDeadline(ms, () => 1), [
  [-1, RangeError, 'ms must be >= 0, got -1'],
  ['5', TypeError, 'ms must be >= 0, got "5"'],
]);
table('runWithDeadline', (fn) => runWithDeadline(5, fn), [[7, TypeError, 'fn must be a function, got 7']]);

describe('a request', () => {
  it('refuses a wrong timeoutMs and a path that is none', async () => {
    const client = createHttpClient({ name, baseUrl: 'http://127.0.0.1:1' });
    await expect(client.get('/x', { timeoutMs: 0 })).rejects.toThrow('timeoutMs must be > 0');
    await expect(client.get(7 as never)).rejects.toThrow('path must be a string, got 7');
  });

  it.each([
    [{ idempotencyKey: '' }, 'idempotencyKey must be true or a non-empty string of ASCII characters, got ""'],
    [{ idempotencyKey: 'a\r\nb' }, 'idempotencyKey must be true or a non-empty string of ASCII characters'],
    [{ idempotencyKey: 7 }, 'idempotencyKey must be true or a non-empty string of ASCII characters, got 7'],
    [{ signal: 5 }, 'signal must be an AbortSignal, got 5'],
    [{ headers: 5 }, 'headers must be an object, got 5'],
  ])('refuses %j', async (init, message) => {
    let asked = 0;
    const fetch = async () => ((asked += 1), new Response());
    const client = createHttpClient({ name, baseUrl: 'http://partner', fetch });
    await expect(client.post('/x', init as never)).rejects.toThrow(message);
    expect(asked).toBe(0);
  });

  it('survives guards that are given a proxy which throws', () => {
    const proxy = new Proxy(
      {},
      {
        has: () => {
          throw new Error('revoked');
        },
      },
    );
    expect(isBreakerOpenError(proxy)).toBe(false);
  });

  it('stays below its baseUrl, whatever the path says', async () => {
    const asked: string[] = [];
    const fetch = async (url: string) => (asked.push(url), new Response());
    const client = createHttpClient({ name, baseUrl: 'http://partner/api/', fetch });
    for (const path of ['../admin', 'orders/%2e%2e/%2E%2E/admin', '/x/../..', 'x\\..\\..\\admin'])
      await expect(client.get(path)).rejects.toThrow('path must stay below baseUrl');
    await expect(client.get('http://elsewhere/')).rejects.toThrow('path must be relative to baseUrl');
    for (const path of ['', '//elsewhere/x', 'a/../b', '..a']) await client.get(path);
    expect(asked).toEqual([
      'http://partner/api/',
      'http://partner/api/elsewhere/x',
      'http://partner/api/b',
      'http://partner/api/..a',
    ]);
  });
});

describe('run', () => {
  it('refuses to run what is no function', async () => {
    for (const runner of [
      createBreaker({ name }),
      createRetry(),
      createTimeout({ timeoutMs: 5 }),
      createBulkhead({ maxConcurrent: 1 }),
      createPipeline({ name }),
    ]) {
      const { run } = runner as { run(...args: unknown[]): Promise<unknown> };
      await expect(run.call(runner, undefined)).rejects.toThrow(TypeError);
      await expect(run.call(runner, {}, 'fn')).rejects.toThrow('needs a function');
    }
  });
});
