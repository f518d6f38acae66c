import { recordChannels } from 'kit-tooling/channels';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  commonErrors,
  createErrorMonitor,
  createErrorResponder,
  type ErrorHandlingOptions,
} from '../src/index.js';
import { createQuietAnswer } from '../src/quiet-answer.js';
import { frameworks } from './support/frameworks.js';
import { secret, throwables } from './support/throwables.js';

const port = Symbol.for('@kit/trace');
const globals = globalThis as Record<symbol, unknown>;
const trace = { traceId: '0af7651916cd43dd8448eb2180319c1a', id: '80319c1a', requestId: 'order-7' };
const typeBaseUrl = 'https://docs.example/errors/';
const where = { path: '/orders/42', method: 'GET' };
const lost = () => new Error('Connection terminated unexpectedly');

beforeEach(() => {
  globals[port] = { version: 1, getTrace: () => trace };
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 21) });
});
afterEach(() => {
  delete globals[port];
  vi.useRealTimers();
});

describe('an answer that nobody but the caller hears of', () => {
  it.each([
    ['a plain error', () => new Error('the ledger is away'), {}, where],
    ['a lost connection', lost, {}, where],
    ['an error with a cause', () => new Error('x', { cause: new Error('y') }), {}, where],
    ['a service with a base URL', () => new Error('x'), { typeBaseUrl }, where],
    [
      'a base URL that needs escapes',
      () => new Error('x'),
      { typeBaseUrl: 'https://docs.example/"é"/' },
      where,
    ],
    ['a path with a query', () => new Error('x'), {}, { path: '/a?token=hunter2', method: 'POST' }],
    ['a hostile path', () => new Error('x'), {}, { path: '/"\\\r\n\u0000\ud83d<b>', method: 'GE"T' }],
    ['no request', () => new Error('x'), {}, {}],
  ])('is, byte for byte, the one that a log or a monitor hears of: %s', (_, thrown, options, context) => {
    const quiet = createQuietAnswer({ logger: false, ...options })(thrown(), context)!;
    const { status, headers, body } = createErrorResponder({ logger: false, ...options })(thrown(), context);
    expect(quiet).toEqual({ status, headers, body });
    expect(JSON.parse(quiet.body)).toMatchObject({ traceId: '80319c1a', requestId: 'order-7' });
  });

  it.each(Object.entries(throwables))('is left to the mappers or tells nothing: %s', (_, thrown) => {
    const quiet = createQuietAnswer({ logger: false, typeBaseUrl })(thrown(), where);
    if (quiet === undefined) return;
    const { status, headers, body } = createErrorResponder({ logger: false, typeBaseUrl })(thrown(), where);
    expect(quiet).toEqual({ status, headers, body });
    expect(JSON.stringify(quiet)).not.toContain(secret);
  });

  it('has the time of the error, and ids of its own outside of every trace', () => {
    delete globals[port];
    const answer = createQuietAnswer({ logger: false });
    const bodies = [0, 1].map((minute) => {
      vi.setSystemTime(Date.UTC(2026, 10, 21, 0, minute));
      return JSON.parse(answer(new Error('x'), where)!.body) as Record<string, string>;
    });
    expect(bodies.map((body) => body.timestamp)).toEqual([
      '2026-11-21T00:00:00.000Z',
      '2026-11-21T00:01:00.000Z',
    ]);
    expect(bodies[0]!.traceId).toMatch(/^[0-9a-f]{8}$/);
    expect(bodies[0]!.instance!.endsWith(bodies[0]!.traceId!)).toBe(true);
    expect(bodies[0]!.instance).not.toBe(bodies[1]!.instance);
  });
});

describe('whoever wants to hear of an error', () => {
  const logger = { error: () => {}, warn: () => {} };
  it.each<[string, ErrorHandlingOptions, { logger?: typeof logger | false }]>([
    ['a logger of the options', { logger }, {}],
    ['a logger of the request', {}, { logger }],
    ['stderr, where there is no logger', {}, {}],
    ['a monitor', { logger: false, monitor: createErrorMonitor() }, {}],
    ['onError', { logger: false, onError: () => {} }, {}],
    ['a mapper', { logger: false, mappers: [() => undefined] }, {}],
    ['a developer who wants the stack', { logger: false, exposeStack: true }, {}],
  ])('gets an error to look at: %s', (_, options, context) => {
    expect(createQuietAnswer(options)(new Error('x'), context)).toBeUndefined();
  });

  it('gets it as soon as they subscribe', async () => {
    const answer = createQuietAnswer({ logger: false });
    expect(answer(new Error('x'), where)).toBeDefined();
    const recorder = recordChannels('kit:errors:raised');
    expect(answer(new Error('x'), where)).toBeUndefined();
    recorder.stop();
    expect(answer(new Error('x'), where)).toBeDefined();
  });

  it('is not kept from it by an error that says more than a plain one', () => {
    const answer = createQuietAnswer({ logger: false });
    for (const thrown of [commonErrors.RES_CONFLICT(), new TypeError('x'), null, 'x', { status: 404 }])
      expect(answer(thrown, where)).toBeUndefined();
  });
});

describe.each(frameworks)('on %s, a service that has neither logger nor monitor', (_name, start) => {
  it('answers every throwable as a problem, and shows nothing', async () => {
    let thrown: () => unknown = lost;
    const service = await start({ logger: false, typeBaseUrl, thrown: () => thrown() });
    try {
      for (thrown of [...Object.values(throwables), lost, () => new Error(secret)]) {
        const response = await fetch(`${service.url}/throw/1?token=${secret}`);
        const text = await response.text();
        expect(response.headers.get('content-type')).toBe('application/problem+json');
        expect(response.headers.get('cache-control')).toBe('no-store');
        expect(JSON.parse(text)).toMatchObject({
          status: response.status,
          path: '/throw/1',
          method: 'GET',
          traceId: '80319c1a',
        });
        expect(text + JSON.stringify([...response.headers])).not.toContain(secret);
        expect(await (await fetch(`${service.url}/throw/1`, { method: 'HEAD' })).text()).toBe('');
      }
    } finally {
      await service.close();
    }
  });

  it('drops the headers of what it was about to send, and cuts off what has begun', async () => {
    const service = await start({ logger: false });
    try {
      const stale = await fetch(`${service.url}/stale`);
      expect(stale.status).toBe(500);
      for (const name of ['etag', 'content-encoding', 'content-disposition'])
        expect(stale.headers.has(name)).toBe(false);
      await expect(fetch(`${service.url}/half`).then((half) => half.text())).rejects.toThrow();
    } finally {
      await service.close();
    }
  });
});
