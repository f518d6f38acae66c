import { describe, expect, it } from 'vitest';
import { AppError, commonErrors, isAppError, toAppError } from '../src/index.js';

describe('toAppError', () => {
  it('returns an AppError as it is', () => {
    const error = commonErrors.RES_CONFLICT();
    expect(toAppError(error)).toBe(error);
  });

  it.each([null, undefined, 0, '', 'text', 5n, true, Symbol('x'), {}, [], () => {}])(
    'makes SYS_INTERNAL_ERROR with a constant message of %s, and keeps it as cause',
    (thrown) => {
      const error = toAppError(thrown);
      expect(error).toMatchObject({ code: 'SYS_INTERNAL_ERROR', message: 'Internal error', expose: false });
      expect(error.cause).toBe(thrown);
      expect('cause' in error).toBe(true);
      expect(typeof error.stack).toBe('string');
    },
  );

  it('leaves the stack to the cause, where a reader finds the place', () => {
    const error = toAppError(new Error('x'));
    expect(error.stack).not.toContain('    at ');
    expect((error.cause as Error).stack).toContain('to-app-error.test.ts');
  });

  it('leaves the limit of stack traces as it was', () => {
    const limit = Error.stackTraceLimit;
    toAppError(new Error('x'));
    expect(Error.stackTraceLimit).toBe(limit);
  });

  it('asks mappers in order before its own, and takes no answer but an AppError', () => {
    const unique = Object.assign(new Error('x'), { code: '23505' });
    const own = commonErrors.BIZ_INVALID_OPERATION();
    const asked: number[] = [];
    const mappers = [
      () => (asked.push(1), undefined),
      () => (asked.push(2), { code: 'RES_NOT_FOUND', status: 404 } as never),
      () => own,
      () => (asked.push(4), commonErrors.RES_NOT_FOUND()),
    ];
    expect(toAppError(unique, { mappers })).toBe(own);
    expect(asked).toEqual([1, 2]);
  });

  it.each([
    ['a code of no catalogue', { code: 'nope' }],
    ['a code that is no text', { code: ['RES_CONFLICT'] }],
    ['a code of 64 characters', { code: `RES_${'A'.repeat(60)}` }],
    ['a status below 400', { status: 399 }],
    ['a status above 599', { status: 600 }],
    ['half a status', { status: 400.5 }],
    ['a title that is no text', { title: 7 }],
    ['a trace id that is no text', { traceId: 7 }],
    ['a timestamp that is no text', { timestamp: new Date(0) }],
    ['a full trace id that is no text', { fullTraceId: undefined }],
    ['a request id that is no text', { requestId: null }],
    ['errors that are no list', { errors: 'x' }],
  ])('takes an AppError with %s neither as it is nor from a mapper', (_case, fields) => {
    const spoiled = new Proxy(commonErrors.RES_CONFLICT(), {
      get: (target, key) => (key in fields ? fields[key as never] : Reflect.get(target, key)),
    });
    expect(isAppError(spoiled)).toBe(true);
    expect(toAppError(spoiled)).not.toBe(spoiled);
    expect(toAppError(new Error('x'), { mappers: [() => spoiled] }).code).toBe('SYS_INTERNAL_ERROR');
  });

  it('does not take an AppError that cannot be read as it is', () => {
    const broken = new Proxy(commonErrors.RES_CONFLICT(), {
      get: (target, key) => {
        if (key === 'timestamp') throw new Error('x');
        return Reflect.get(target, key) as unknown;
      },
    });
    expect(toAppError(broken)).not.toBe(broken);
  });

  it('looks at a function that was thrown, and asks no mapper where there is none', () => {
    const heard: unknown[] = [];
    const thrown = Object.assign(() => {}, { status: 404 });
    expect(toAppError(thrown, { onMapperError: (error) => heard.push(error) }).status).toBe(404);
    expect(heard).toEqual([]);
  });

  it.each([400, 599])('returns an AppError of the status %i as it is', (status) => {
    const error = new AppError({ code: 'BIZ_EDGE', status, title: 'Edge' });
    expect(toAppError(error)).toBe(error);
  });

  it('passes over a mapper that throws and survives a listener that does so too', () => {
    const heard: unknown[] = [];
    const failure = new Error('mapper');
    const mappers = [
      () => {
        throw failure;
      },
    ];
    expect(toAppError(new Error('x'), { mappers, onMapperError: (error) => heard.push(error) }).code).toBe(
      'SYS_INTERNAL_ERROR',
    );
    expect(heard).toEqual([failure]);
    const onMapperError = () => {
      throw new Error('listener');
    };
    expect(toAppError('x', { mappers, onMapperError }).code).toBe('SYS_INTERNAL_ERROR');
  });

  it('gives mappers the values that are no objects too', () => {
    const mappers = [(thrown: unknown) => (thrown === null ? commonErrors.RES_NOT_FOUND() : undefined)];
    expect(isAppError(toAppError(null, { mappers }), 'RES_NOT_FOUND')).toBe(true);
  });

  it.each([
    ['EPERM', { code: 'EPERM', errno: -1 }],
    ['EBUSY', { code: 'EBUSY', errno: -16 }],
    ['a code of numbers', { code: 23505 }],
    ['a five-letter word', { code: 'ABORT' }],
    ['a code that is an object', { code: {} }],
    ['errno of another world', { errno: 4711 }],
    ['a state without a number', { sqlState: 'HY000' }],
    ['a state with the number 0', { errno: 0, sqlState: 'HY000' }],
    ['a fatal error of another kind', { fatal: true, code: 'OTHER' }],
    ['a TypeError with a code of sockets', { name: 'TypeError', code: 'ECONNRESET' }],
  ])('does not take %s for a database error', (_case, fields) => {
    expect(toAppError(Object.assign(new Error('x'), fields)).code).toBe('SYS_INTERNAL_ERROR');
  });

  it.each([
    [{ code: '08006' }, 'SYS_UNAVAILABLE'],
    [{ code: '57P01' }, 'SYS_UNAVAILABLE'],
    [{ code: '23P01' }, 'RES_CONFLICT'],
    [{ code: '22P02' }, 'SYS_DATABASE_ERROR'],
    [{ code: 'ER_NO_SUCH_TABLE', errno: 1146 }, 'SYS_DATABASE_ERROR'],
    [{ errno: 3819, code: 'ER_CHECK_CONSTRAINT_VIOLATED' }, 'VAL_INVALID_INPUT'],
    [{ errno: 9999, sqlState: 'HY000' }, 'SYS_DATABASE_ERROR'],
    [{ code: 'SQLITE_CONSTRAINT', rawCode: 2067 }, 'RES_ALREADY_EXISTS'],
    [{ code: 'SQLITE_CANTOPEN' }, 'SYS_DATABASE_ERROR'],
    [{ code: 'SQLITE_CONSTRAINT_TRIGGER', message: 'no weekends' }, 'SYS_DATABASE_ERROR'],
    [{ code: 'ERR_SQLITE_ERROR', errcode: 517 }, 'SYS_UNAVAILABLE'],
    [{ code: 'ETIMEDOUT', fatal: true }, 'SYS_UNAVAILABLE'],
    [{ name: 'MaxRetriesPerRequestError' }, 'SYS_UNAVAILABLE'],
    [{ name: 'KnexTimeoutError' }, 'SYS_UNAVAILABLE'],
    [{ code: 'PROTOCOL_CONNECTION_LOST' }, 'SYS_UNAVAILABLE'],
    [{ code: 'ERR_SQLITE_ERROR' }, 'SYS_DATABASE_ERROR'],
    [
      { code: 'SQLITE_CONSTRAINT_TRIGGER', message: 'delete … - FOREIGN KEY constraint failed' },
      'RES_CONFLICT',
    ],
    [{ code: 'SQLITE_CONSTRAINT_CHECK', message: 'FOREIGN KEY constraint failed' }, 'VAL_INVALID_INPUT'],
    [{ code: 'SQLITE_CONSTRAINT_TRIGGER', message: undefined }, 'SYS_DATABASE_ERROR'],
  ])('maps %o', (fields, code) => {
    expect(toAppError(Object.assign(new Error('x'), fields)).code).toBe(code);
  });
});

describe('an Error with nothing on it', () => {
  it.each([
    [new Error('the ledger is away'), 'SYS_INTERNAL_ERROR'],
    [new Error('wrapped', { cause: Object.assign(new Error('x'), { code: '23505' }) }), 'SYS_INTERNAL_ERROR'],
    [new Error('Connection terminated unexpectedly'), 'SYS_UNAVAILABLE'],
    [new Error('select 1 - Connection terminated unexpectedly'), 'SYS_UNAVAILABLE'],
    [new Error(`${'insert '.repeat(2_000)} - Connection terminated unexpectedly`), 'SYS_UNAVAILABLE'],
  ])('is told by its message alone: %s', (error, code) => {
    expect(toAppError(error)).toMatchObject({ code, cause: error });
  });

  it('is not taken for bare when a mark cannot be enumerated or is inherited', () => {
    class Missing extends Error {
      get status() {
        return 404;
      }
    }
    const hidden = Object.defineProperty(new Error('x'), 'code', { value: '23505' });
    expect(toAppError(hidden).code).toBe('RES_ALREADY_EXISTS');
    const named = Object.defineProperty(new Error('x'), 'name', { value: 'TimeoutError' });
    expect(toAppError(named).code).toBe('SYS_TIMEOUT');
    expect(toAppError(new Missing('x')).code).toBe('RES_NOT_FOUND');
  });

  it('may be a proxy whose traps throw', () => {
    const fail = () => {
      throw new Error('trap');
    };
    const hostile = new Proxy(new Error('x'), { ownKeys: fail, getPrototypeOf: fail, has: fail });
    expect(toAppError(hostile).code).toBe('SYS_INTERNAL_ERROR');
    const unique = Object.assign(new Error('x'), { code: '23505' });
    expect(toAppError(new Proxy(unique, { getPrototypeOf: fail })).code).toBe('RES_ALREADY_EXISTS');
  });
});
