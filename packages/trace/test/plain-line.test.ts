import { tracingChannel } from 'node:diagnostics_channel';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger, type LoggerOptions, type TraceLogger } from '../src/index.js';
import { getRootLogger, tracedLogger } from '../src/get-logger.js';
import { writePlainLine, type RequestLine, type RequestLineLevel } from '../src/plain-line.js';
import { setActiveSpanSource } from '../src/process-state.js';
import { createTrace, type TraceSeed } from '../src/trace.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 21) }));
afterEach(() => void vi.useRealTimers());

function logTo(options: LoggerOptions = {}) {
  const path = join(mkdtempSync(join(tmpdir(), 'kit-line-')), 'app.log');
  const logger = createLogger({ level: 'debug', console: false, file: { path }, ...options });
  return { logger, lines: () => readFileSync(path, 'utf8').split('\n').slice(0, -1) };
}

const line: RequestLine = {
  method: 'GET',
  path: '/orders/17',
  route: '/orders/:id',
  status: 200,
  durationMs: 1.234,
  bytes: 17,
};

/** The line as we write it, and as pino does. */
function both(
  given: RequestLine,
  options: LoggerOptions = {},
  seed: TraceSeed = {},
  level: RequestLineLevel = 'info',
) {
  const { logger, lines } = logTo(options);
  const trace = createTrace(seed, 'request');
  const written = writePlainLine(logger, level, trace, given, 'request finished');
  if (!written) tracedLogger(logger, trace)[level](given, 'request finished');
  tracedLogger(logger, trace)[level](given, 'request finished');
  const [ours, pinos] = lines();
  return { written, ours, pinos };
}

describe('a line of the request log', () => {
  it.each<[string, Partial<RequestLine>]>([
    ['a usual one', {}],
    ['no route', { route: undefined }],
    ['no status', { status: undefined }],
    ['no method', { method: undefined }],
    ['a slow one', { slow: true, durationMs: 12_345 }],
    ['a user', { userId: 'u-17' }],
    ['quotes and a backslash in its path', { path: '/"a"\\b' }],
    ['control characters in its path', { path: '/a\r\n{"level":60}\u0000\u001f\u007f' }],
    ['letters beyond ASCII in its path', { path: '/é/日本/\u2028/😀' }],
    ['a long path', { path: `/${'a"b'.repeat(200)}` }],
    ['a secret in its path', { path: '/reset/token=hunter2/x' }],
    ['a DSN in its path', { path: '/postgres://ann:hunter2@db/x' }],
    ['a card number in its path', { path: '/cards/4111111111111111' }],
    ['a secret in its route', { route: '/password=hunter2' }],
    ['a hostile method', { method: 'G"E\nT' }],
    ['a user who is a card number', { userId: '4111111111111111' }],
    ['a user with a secret', { userId: '{"password":"hunter2"}' }],
  ])('is, byte for byte, what pino writes: %s', (_, change) => {
    const { written, ours, pinos } = both({ ...line, ...change });
    expect(written).toBe(true);
    expect(ours).toBe(pinos);
    expect(ours).not.toMatch(/hunter2|4111111111111111/);
    expect(() => JSON.parse(ours!) as unknown).not.toThrow();
  });

  it('is JSON even with half a surrogate pair in it', () => {
    const { ours } = both({ ...line, path: '/half \ud83d' });
    expect((JSON.parse(ours!) as RequestLine).path).toBe('/half \ud83d');
  });

  it.each<[string, LoggerOptions, TraceSeed, RequestLineLevel]>([
    ['without masking', { mask: false }, {}, 'info'],
    ['without pid and hostname', { base: null }, {}, 'info'],
    ['with bindings', { base: { service: 'a"b', apiKey: 'hunter2' } }, {}, 'info'],
    ['with the ids of a caller', {}, { requestId: 'request-1', clientRequestId: 'client-01' }, 'info'],
    ['at debug', {}, {}, 'debug'],
    ['at warn', {}, {}, 'warn'],
    ['at error', {}, {}, 'error'],
  ])('is what pino writes %s', (_, options, seed, level) => {
    const { written, ours, pinos } = both({ ...line, path: '/"token=hunter2' }, options, seed, level);
    expect(written).toBe(true);
    expect(ours).toBe(pinos);
  });

  it('has the bindings that were set later', () => {
    const { logger, lines } = logTo();
    logger.setBindings({ region: 'eu' });
    writePlainLine(logger, 'info', createTrace({}, 'request'), line, 'x');
    expect(JSON.parse(lines()[0]!)).toMatchObject({ region: 'eu' });
  });

  it('remembers no more than a thousand routes', () => {
    const { logger, lines } = logTo();
    const trace = createTrace({}, 'request');
    for (let i = 0; i < 2_100; i += 1)
      writePlainLine(logger, 'info', trace, { ...line, route: `/tenants/t${i}` }, 'x');
    expect(JSON.parse(lines().at(-1)!)).toMatchObject({ route: '/tenants/t2099' });
  });
});

describe('a line that only pino can write', () => {
  const cyclic: Record<string, unknown> = { password: 'hunter2' };
  cyclic.self = cyclic;
  it.each<[string, unknown]>([
    ['a number', 4111111111111111],
    ['NaN', Number.NaN],
    ['a BigInt', 17n],
    ['a function', () => 'u'],
    ['an object that holds itself', cyclic],
  ])('is of a user that is no text: %s', (_, userId) => {
    const { written, ours, pinos } = both({ ...line, userId });
    expect(written).toBe(false);
    expect(ours).toBe(pinos);
    expect(ours).not.toMatch(/hunter2|4111111111111111/);
  });

  it.each(['path', 'userId', 'route', 'method'])('is one whose masker hides its %s', (key) => {
    const { written, ours } = both({ ...line, userId: 'u-17' }, { mask: { keys: [key] } });
    expect(written).toBe(false);
    expect(JSON.parse(ours!)).toMatchObject({ [key]: '[masked]' });
  });

  it('is one of a trace with fields', () => {
    const { written, ours } = both(line, {}, { fields: { tenant: 'acme' } });
    expect(written).toBe(false);
    expect(JSON.parse(ours!)).toMatchObject({ tenant: 'acme' });
  });

  const plain = (logger: TraceLogger, level: RequestLineLevel = 'info') =>
    writePlainLine(logger, level, createTrace({}, 'request'), line, 'x');

  it('is one under OpenTelemetry, whose span changes from line to line', () => {
    const { logger } = logTo();
    const stop = setActiveSpanSource(() => undefined);
    expect(plain(logger)).toBe(false);
    stop();
    expect(plain(logger)).toBe(true);
  });

  it('is one that somebody listens to on pino’s channel', () => {
    const { logger } = logTo();
    const listener = { start: () => {} };
    const channel = tracingChannel('pino_asJson');
    channel.subscribe(listener as never);
    expect(plain(logger)).toBe(false);
    channel.unsubscribe(listener as never);
    expect(plain(logger)).toBe(true);
  });

  it('is one of a level that is off, or was switched', () => {
    const { logger, lines } = logTo({ level: 'warn' });
    expect(plain(logger)).toBe(false);
    expect(plain(logger, 'warn')).toBe(true);
    logger.level = 'error';
    expect(plain(logger, 'warn')).toBe(false);
    logger.level = 'info';
    expect(plain(logger)).toBe(false);
    expect(lines()).toHaveLength(1);
  });

  it('is one that a test or a tool looks at', () => {
    const { logger } = logTo();
    const spy = vi.spyOn(logger, 'info');
    expect(plain(logger)).toBe(false);
    spy.mockRestore();
    expect(plain(logger)).toBe(true);
  });

  it('is one of a child, or of a pino logger of the application', () => {
    const { logger } = logTo();
    for (const other of [logger.child({ a: 1 }), pino({}, { write: () => {} })])
      expect(plain(other as TraceLogger)).toBe(false);
    expect(plain(getRootLogger() as TraceLogger)).toBe(true);
  });
});
