import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import {
  createLogger,
  getLogger,
  getTrace,
  runWithTrace,
  setTraceFields,
  traceMixin,
  type LoggerOptions,
} from '../src/index.js';
import { recordLines, until, type LogLine } from './lines.js';

function logTo(options: LoggerOptions = {}) {
  const path = options.file?.path ?? join(mkdtempSync(join(tmpdir(), 'kit-log-')), 'app.log');
  const logger = createLogger({ console: false, file: { path }, ...options });
  const text = () => readFileSync(path, 'utf8');
  const lines = () =>
    text()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as LogLine);
  return { logger, text, lines, last: () => lines().at(-1)! };
}

describe('a line within a trace', () => {
  it('carries traceId, id and spanId, whichever logger wrote it', () => {
    const { logger, lines } = logTo();
    runWithTrace({ requestId: 'request-1', clientRequestId: 'client-01' }, () => {
      const { traceId, id, spanId } = getTrace()!;
      logger.info('root');
      getLogger().info('traced');
      getLogger('billing').info('named');
      getLogger().child({ a: 1 }).info('child');
      for (const line of lines())
        expect(line).toMatchObject({
          traceId,
          id,
          spanId,
          requestId: 'request-1',
          clientRequestId: 'client-01',
        });
    });
    expect(lines().map((line) => line.name)).toEqual([undefined, undefined, 'billing', undefined]);
  });

  it('has each field once in its text', () => {
    const { text } = logTo();
    runWithTrace({ fields: { a: 1 } }, () => getLogger().info({ b: 2 }, 'x'));
    for (const key of ['traceId', 'id', 'spanId', 'a', 'b'])
      expect(text().match(new RegExp(`"${key}":`, 'g'))).toHaveLength(1);
  });

  it('carries fields set after the logger was taken', () => {
    const { last, logger } = logTo();
    runWithTrace({}, () => {
      const log = getLogger();
      setTraceFields({ userId: 'u-1' });
      log.info('x');
      expect(last()).toMatchObject({ userId: 'u-1', msg: 'x' });
      logger.info({ userId: 'of the line' }, 'y');
      expect(last()).toMatchObject({ userId: 'of the line' });
    });
  });

  it('keeps the identity where a line has an id of its own, which is logged as _id', () => {
    const { last, logger } = logTo();
    runWithTrace({ fields: { spanId: 'forged' } }, () => {
      const { id, traceId, spanId } = getTrace()!;
      for (const log of [logger, getLogger()]) {
        log.info({ id: 42, traceId: 'forged' }, 'x');
        expect(last()).toMatchObject({ id, traceId, spanId, _id: 42, _traceId: 'forged', _spanId: 'forged' });
      }
    });
    logger.info({ id: 42 }, 'outside');
    expect(last()).toMatchObject({ id: 42 });
  });

  it('says the identity once where a line brings the same', () => {
    const { last, logger } = logTo();
    runWithTrace({ requestId: 'accepted-1' }, () => {
      const { id, traceId } = getTrace()!;
      for (const log of [logger, getLogger()]) {
        log.info({ id, traceId, requestId: 'accepted-1', code: 'BIZ_BROKE' }, 'x');
        expect(last()).toMatchObject({ id, traceId, requestId: 'accepted-1', code: 'BIZ_BROKE' });
        expect(Object.keys(last()).filter((key) => key.startsWith('_'))).toEqual([]);
      }
    });
  });

  it('keeps accepted request ids, and takes those of a line where the trace has none', () => {
    const { last, logger } = logTo();
    runWithTrace({ requestId: 'accepted-1', clientRequestId: 'client-01' }, () => {
      for (const log of [logger, getLogger()]) {
        log.info({ requestId: 'own', clientRequestId: 'own' }, 'x');
        expect(last()).toMatchObject({
          requestId: 'accepted-1',
          clientRequestId: 'client-01',
          _requestId: 'own',
        });
      }
    });
    runWithTrace({}, () => getLogger().info({ requestId: 'own', clientRequestId: 'own' }, 'x'));
    expect(last()).toMatchObject({ requestId: 'own', clientRequestId: 'own' });
  });

  it('is the same logger every time', () => {
    logTo();
    runWithTrace({}, () => {
      expect(getLogger()).toBe(getLogger());
      expect(getLogger('a')).toBe(getLogger('a'));
      expect(getLogger('a')).not.toBe(getLogger('b'));
    });
  });

  it('moves to a new root logger', () => {
    const first = logTo();
    runWithTrace({}, () => {
      getLogger().info('one');
      const second = logTo();
      getLogger().info('two');
      expect(first.lines()).toHaveLength(1);
      expect(second.last()).toMatchObject({ msg: 'two', id: getTrace()!.id });
    });
  });
});

describe('getLogger outside of a trace', () => {
  it('is the last logger that was created', () => {
    const { logger, last } = logTo();
    expect(getLogger()).toBe(logger);
    expect(getLogger('jobs')).toBe(getLogger('jobs'));
    getLogger('jobs').info('x');
    expect(last()).toMatchObject({ name: 'jobs' });
    expect(last()).not.toHaveProperty('traceId');
  });

  it('does not keep a logger for every name it ever saw', () => {
    logTo();
    const first = getLogger('name-0');
    for (let i = 1; i < 1500; i++) getLogger(`name-${i}`);
    expect(getLogger('name-0')).not.toBe(first);
  });
});

describe('traceMixin', () => {
  it('puts the trace on the lines of a logger one already has', () => {
    const { logger, lines } = recordLines();
    runWithTrace({ fields: { a: 1 } }, () => {
      logger.info({ b: 2 }, 'x');
      expect(lines[0]).toMatchObject({ id: getTrace()!.id, traceId: getTrace()!.traceId, a: 1, b: 2 });
    });
    logger.info('outside');
    expect(lines[1]).not.toHaveProperty('id');
    expect(() => pino({ mixin: traceMixin() })).not.toThrow();
  });
});

describe('createLogger', () => {
  it('masks keys, messages, arguments, bindings and errors', () => {
    const { logger, text } = logTo({ mask: { keys: ['iban'] } });
    logger.info({ password: 'S3CRET', deep: [{ apiKey: 'S3CRET' }], iban: 'S3CRET' }, 'token=S3CRET');
    logger.info('user %o with %s', { password: 'S3CRET' }, 'secret=S3CRET');
    logger.child({ authorization: 'S3CRET' }).info('x');
    logger.child({ token: 'S3CRET' }).child({ cookie: 'S3CRET' }).info('x');
    logger.setBindings({ pin: 'S3CRET' });
    logger.error(new Error('postgres://u:S3CRET@h', { cause: new Error('?token=S3CRET') }));
    logger.error({ err: Object.assign(new Error('x'), { config: { password: 'S3CRET' } }) });
    runWithTrace({ fields: { token: 'S3CRET' } }, () => {
      logger.info('x');
      getLogger().info('x');
    });
    expect(text()).not.toContain('S3CRET');
    expect(text()).toContain('postgres://u:[masked]@h');
  });

  it('does not mask when told so', () => {
    const { logger, last } = logTo({ mask: false });
    logger.error({ password: 'x', err: new Error('token=abc') }, 'token=abc');
    expect(last()).toMatchObject({
      password: 'x',
      msg: 'token=abc',
      err: { message: 'token=abc', type: 'Error' },
    });
  });

  it('never changes what it is given', () => {
    const { logger } = logTo();
    const given = { password: 'x', nested: { token: 'y' } };
    runWithTrace({}, () => getLogger().info(given, 'x'));
    expect(given).toEqual({ password: 'x', nested: { token: 'y' } });
    logger.info('x');
  });

  it('survives cyclic, throwing, BigInt and 10 MB values, and values that are no objects', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'kit-log-')), 'app.log');
    const { logger, lines } = logTo({ file: { path, maxBytes: 100_000_000 } });
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    logger.info({ cyclic }, 'cyclic');
    logger.info(
      Object.defineProperty({ a: 1 }, 'bad', {
        enumerable: true,
        get: () => {
          throw new Error('no');
        },
      }),
      'getter',
    );
    logger.info({ big: 10n }, 'bigint');
    logger.info({ text: 'x'.repeat(10 * 1024 * 1024) }, 'huge');
    const anything: (...args: unknown[]) => void = logger.info.bind(logger);
    anything(new Date(0), 'date');
    anything([1, 2], 'array');
    anything(null, 'null');
    anything(undefined);
    const written = lines();
    expect(written).toHaveLength(8);
    expect(written[3]!.text).toHaveLength(10 * 1024 * 1024);
    expect(written[1]).toMatchObject({ a: 1, bad: '[unreadable]', msg: 'getter' });
  });

  it('writes a live request as its few readable fields', async () => {
    const { logger, last } = logTo();
    const server = createServer((req, res) => {
      logger.info({ req, res }, 'x');
      logger.info(req);
      res.end();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await fetch(`http://127.0.0.1:${port}/a?token=abc`, { headers: { authorization: 'Bearer S3CRET' } });
    server.close();
    expect(last()).toMatchObject({
      req: { method: 'GET', url: '/a?token=[masked]', headers: { authorization: '[masked]' } },
    });
  });

  it('has the level, the base fields and the rest of pino', () => {
    const { logger, lines } = logTo({ level: 'warn', base: { service: 'orders' } });
    logger.info('no');
    logger.warn('yes');
    expect(lines()).toHaveLength(1);
    expect(lines()[0]).toMatchObject({ service: 'orders', level: 40 });
    expect(lines()[0]).not.toHaveProperty('pid');
    expect(logger.isLevelEnabled('debug')).toBe(false);
    const bare = logTo({ base: null });
    bare.logger.info('x');
    expect(Object.keys(bare.last())).toEqual(['level', 'time', 'msg']);
  });

  it('writes JSON for a message that has none, and for a request that cannot be read', () => {
    const { logger, lines } = logTo();
    logger.info(Symbol('tick') as never);
    logger.info(
      {
        get req() {
          throw new Error('gone');
        },
      },
      'getter',
    );
    expect(lines().map((line) => line.msg)).toEqual(['Symbol(tick)', 'getter']);
    expect(lines()[1]!.req).toBe('[unreadable]');
  });

  it('flushes to disk, by promise and by callback', async () => {
    const { logger, lines } = logTo();
    logger.info('x');
    await logger.flush();
    await new Promise<void>((resolve) => void logger.flush(() => resolve()));
    expect(lines()).toHaveLength(1);
    await createLogger({ console: false }).flush();
  });

  it.each([
    [{ level: 'loud' }, 'level must be a pino level or silent, got loud'],
    [{ console: 'yaml' }, 'console must be auto, json, pretty or false, got yaml'],
    [{ mask: 'no' }, 'mask must be a boolean or masker options, got no'],
    [{ mask: { depth: -1 } }, 'depth must be an integer from 1 to 100, got -1'],
    [{ file: { path: '' } }, 'file.path must be a path, got ""'],
    [{ file: { path: 'x', maxBytes: 0 } }, 'file.maxBytes must be an integer >= 1, got 0'],
    [{ file: { path: 'x', maxFiles: -1 } }, 'file.maxFiles must be an integer >= 0, got -1'],
    [{ file: { path: 'x', gzip: 'yes' } }, 'file.gzip must be a boolean, got yes'],
  ])('refuses %j', (options, message) => {
    expect(() => createLogger({ console: false, ...options } as never)).toThrow(message);
    expect(() => createLogger('debug' as never)).toThrow('options must be an object, got debug');
  });
});

describe('the console', () => {
  function printed(options: LoggerOptions, log: (logger: ReturnType<typeof createLogger>) => void): string {
    const said: string[] = [];
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
    try {
      log(createLogger(options));
    } finally {
      spy.mockRestore();
    }
    return said.join('');
  }

  it('has JSON lines where it is no terminal', () => {
    expect(JSON.parse(printed({}, (logger) => logger.info('x')))).toMatchObject({ msg: 'x', level: 30 });
    expect(JSON.parse(printed({ console: 'json' }, (logger) => logger.info('x')))).toMatchObject({
      msg: 'x',
    });
  });

  it('has nothing when switched off, and the file beside it', () => {
    expect(printed({ console: false }, (logger) => logger.info('x'))).toBe('');
    const path = join(mkdtempSync(join(tmpdir(), 'kit-log-')), 'app.log');
    expect(printed({ console: 'json', file: { path } }, (logger) => logger.info('x'))).toContain('"msg":"x"');
    expect(readFileSync(path, 'utf8')).toContain('"msg":"x"');
  });

  it('has readable lines with the short id, the fields and the causes', () => {
    const coloured = printed({ console: 'pretty' }, (logger) => {
      runWithTrace({ id: 'deadbeef' }, () => {
        getLogger('billing').warn({ orderId: 'o-1' }, 'charged');
        logger.error(new Error('outer', { cause: new Error('inner') }));
      });
      logger.child({}, { customLevels: { loud: 35 } }).loud('own level');
    });
    const text = stripVTControlCharacters(coloured);
    expect(text).toContain('35 own level');
    expect(text).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}deadbeef billing: charged orderId="o-1"\n/);
    expect(text).toContain('    Error: outer');
    expect(text).toContain('    caused by\n    Error: inner');
    expect(text).not.toContain('hostname');
  });

  it('lets no text steer the terminal or begin a line of its own', () => {
    const coloured = printed({ console: 'pretty' }, (logger) => {
      logger.warn('user \u001b[2J\rann\n12:00:00.000 INFO  forged\u009b2J');
      logger.error(new Error('boom\n12:00:00.000 INFO  forged \u001b]0;x\u0007'));
    });
    const text = stripVTControlCharacters(coloured);
    expect(text).toContain('user \\u001b[2J\\u000dann\n    12:00:00.000 INFO  forged\\u009b2J\n');
    expect(text).not.toMatch(/^12:00:00\.000/m);
    expect(text).not.toMatch(/[^\P{Cc}\n]/u);
  });

  it('is readable on a terminal outside of production', () => {
    const terminal = process.stdout.isTTY;
    process.stdout.isTTY = true;
    try {
      expect(printed({}, (logger) => logger.info('x'))).toMatch(/INFO/);
      vi.stubEnv('NODE_ENV', 'production');
      expect(printed({}, (logger) => logger.info('x'))).toMatch(/^\{/);
    } finally {
      vi.unstubAllEnvs();
      process.stdout.isTTY = terminal;
    }
  });

  it('goes through the descriptor when nobody replaced the stream', async () => {
    const { runChild } = await import('kit-tooling/process');
    const child = runChild(new URL('./children/console.ts', import.meta.url));
    await expect(child.exited).resolves.toMatchObject({ code: 0 });
    await until(() => child.stdout.includes('"msg":"last"'));
    expect(child.stdout.split('\n').filter(Boolean)).toHaveLength(100);
  });
});
