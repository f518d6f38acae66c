import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AppError, commonErrors, defineErrors, isAppError, toAppError } from '../src/index.js';

const own = defineErrors({
  BIZ_DAILY_LIMIT_EXCEEDED: {
    status: 422,
    title: 'Daily limit exceeded',
    grpc: 'FAILED_PRECONDITION',
    retryable: false,
    expose: true,
    message: (d) => `${d.needed} would exceed the daily limit of ${d.limit}`,
    details: z.object({ limit: z.string(), needed: z.string() }),
  },
});

describe('defineErrors', () => {
  it('makes a function for each code whose errors carry code, status, message, details and cause', () => {
    const cause = new Error('ledger said no');
    const error = own.BIZ_DAILY_LIMIT_EXCEEDED({ limit: '1.00', needed: '2.00' }, { cause });
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({
      name: 'AppError',
      code: 'BIZ_DAILY_LIMIT_EXCEEDED',
      status: 422,
      expose: true,
      retryable: false,
      message: '2.00 would exceed the daily limit of 1.00',
      details: { limit: '1.00', needed: '2.00' },
    });
    expect(error.cause).toBe(cause);
    expect(error.traceId).toMatch(/^[0-9a-f]{8}$/);
    expect(new Date(error.timestamp).toISOString()).toBe(error.timestamp);
  });

  it('shows the place where the factory was called in the stack', () => {
    expect(own.BIZ_DAILY_LIMIT_EXCEEDED({ limit: '1', needed: '2' }).stack).toContain('catalogue.test.ts');
  });

  it('leaves out details that do not fit their schema, keeps the error and says why', () => {
    const error = own.BIZ_DAILY_LIMIT_EXCEEDED({ limit: 5 } as never);
    expect(error.code).toBe('BIZ_DAILY_LIMIT_EXCEEDED');
    expect(error.details).toBeUndefined();
    expect(error.message).toBe('Daily limit exceeded');
    expect(error.detailsProblem).toContain('limit');
  });

  it('carries what the schema made of its input, without unknown keys', () => {
    const given = { limit: '1', needed: '2', password: 'x' };
    expect(own.BIZ_DAILY_LIMIT_EXCEEDED(given).details).toEqual({ limit: '1', needed: '2' });
  });

  it.each([
    ['an asynchronous schema', { '~standard': { validate: () => Promise.reject(new Error('late')) } }],
    [
      'a schema that throws',
      {
        safeParse: () => {
          throw new Error('broken schema');
        },
      },
    ],
    [
      'a safeParse that says no',
      { safeParse: () => ({ success: false, error: { issues: [{ path: ['a'], message: 'no' }] } }) },
    ],
    ['a safeParse without issues', { safeParse: () => ({ success: false, error: 'no' }) }],
  ])('survives %s', (_, details) => {
    const { BIZ_ODD } = defineErrors({ BIZ_ODD: { status: 400, title: 'Odd', details: details as never } });
    const error = (BIZ_ODD as unknown as (d: unknown) => AppError)({ a: 1 });
    expect(error.details).toBeUndefined();
    expect(error.detailsProblem).toEqual(expect.any(String));
  });

  it('accepts a schema with nothing but safeParse', () => {
    const schema = {
      safeParse: (value: unknown) => ({ success: true as const, data: value as { id: number } }),
    };
    const { RES_GONE } = defineErrors({ RES_GONE: { status: 410, title: 'Gone', details: schema } });
    expect(RES_GONE({ id: 3 }).details).toEqual({ id: 3 });
  });

  it('uses the title when the message function throws or gives no text', () => {
    const { BIZ_A, BIZ_B } = defineErrors({
      BIZ_A: {
        status: 400,
        title: 'A',
        message: () => {
          throw new Error('x');
        },
      },
      BIZ_B: { status: 400, title: 'B', message: (() => 7) as never },
    });
    expect(BIZ_A().message).toBe('A');
    expect(BIZ_B().message).toBe('B');
  });

  it('uses a constant message, which a reader of the definition sees too', () => {
    const { BIZ_SHUT } = defineErrors({
      BIZ_SHUT: { status: 409, title: 'Shut', message: 'Come back at nine' },
    });
    expect(BIZ_SHUT().message).toBe('Come back at nine');
    expect(BIZ_SHUT.definition.constantMessage).toBe('Come back at nine');
    expect(own.BIZ_DAILY_LIMIT_EXCEEDED.definition.constantMessage).toBeUndefined();
  });

  it('does not make a message of details that do not fit', () => {
    const { BIZ_FULL } = defineErrors({
      BIZ_FULL: {
        status: 409,
        title: 'Full',
        message: (d) => `only ${String((d as { left: number } | undefined)?.left)} left`,
        details: z.object({ left: z.number() }),
      },
    });
    expect(BIZ_FULL({ left: 'x' } as never).message).toBe('Full');
  });

  it('lists code and definition on the function itself, for those who write documents', () => {
    const { BIZ_DAILY_LIMIT_EXCEEDED: factory } = own;
    expect({ ...factory }).toEqual({ code: 'BIZ_DAILY_LIMIT_EXCEEDED', definition: factory.definition });
  });

  it('fills in defaults: exposed below 500, not retryable, gRPC by status', () => {
    const { SYS_A, RES_B } = defineErrors({
      SYS_A: { status: 507, title: 'A' },
      RES_B: { status: 404, title: 'B' },
    });
    expect(SYS_A.definition).toMatchObject({ expose: false, retryable: false, grpc: 'INTERNAL' });
    expect(RES_B.definition).toMatchObject({ expose: true, grpc: 'NOT_FOUND' });
  });

  it('extends a base and is frozen', () => {
    const all = defineErrors({ BIZ_X: { status: 409, title: 'X' } }, { base: commonErrors });
    expect(all.RES_NOT_FOUND).toBe(commonErrors.RES_NOT_FOUND);
    expect(all.BIZ_X().status).toBe(409);
    expect(Object.isFrozen(all)).toBe(true);
    expect(Object.isFrozen(all.BIZ_X.definition)).toBe(true);
  });

  it.each([
    [
      'a code of the base',
      { RES_NOT_FOUND: { status: 404, title: 'x' } },
      { base: commonErrors },
      /RES_NOT_FOUND/,
    ],
    ['a lower-case code', { biz_x: { status: 404, title: 'x' } }, {}, /code must match .* got "biz_x"/],
    ['an unknown area', { FOO_X: { status: 404, title: 'x' } }, {}, /got "FOO_X"/],
    ['a trailing underscore', { BIZ_X_: { status: 404, title: 'x' } }, {}, /got "BIZ_X_"/],
    ['an area alone', { BIZ_: { status: 404, title: 'x' } }, {}, /got "BIZ_"/],
    ['a code with a newline', { 'BIZ_X\n': { status: 404, title: 'x' } }, {}, /code must match/],
    [
      '64 characters',
      { [`BIZ_${'A'.repeat(60)}`]: { status: 404, title: 'x' } },
      {},
      /at most 63 characters, got 64/,
    ],
    ['a status of 200', { BIZ_X: { status: 200, title: 'x' } }, {}, /BIZ_X.status must be .* got 200/],
    ['a status of 600', { BIZ_X: { status: 600, title: 'x' } }, {}, /got 600/],
    ['a status of 404.5', { BIZ_X: { status: 404.5, title: 'x' } }, {}, /got 404.5/],
    ['no title', { BIZ_X: { status: 404 } }, {}, /BIZ_X.title must be .* got undefined/],
    ['a blank title', { BIZ_X: { status: 404, title: ' ' } }, {}, /got " "/],
    [
      'a number as message',
      { BIZ_X: { status: 404, title: 'x', message: 1 } },
      {},
      /BIZ_X.message must be .* got 1/,
    ],
    [
      'an unknown gRPC name',
      { BIZ_X: { status: 404, title: 'x', grpc: 'NOPE' } },
      {},
      /BIZ_X.grpc .* got "NOPE"/,
    ],
    [
      'expose: 1',
      { BIZ_X: { status: 404, title: 'x', expose: 1 } },
      {},
      /BIZ_X.expose must be a boolean, got 1/,
    ],
    ['retryable: "no"', { BIZ_X: { status: 404, title: 'x', retryable: 'no' } }, {}, /retryable .* got "no"/],
    [
      'details that are no schema',
      { BIZ_X: { status: 404, title: 'x', details: {} } },
      {},
      /BIZ_X.details must/,
    ],
    ['a text as a definition', { BIZ_X: 'x' }, {}, /BIZ_X must be an object, got "x"/],
    ['null as a definition', { BIZ_X: null }, {}, /BIZ_X must be an object, got null/],
    ['no definitions', undefined, {}, /definitions must be an object of codes, got undefined/],
    ['null as definitions', null, {}, /definitions must be an object of codes, got null/],
    ['a base of text', {}, { base: 'x' }, /base must be a catalogue .* got "x"/],
    ['a number as base', {}, { base: 7 }, /base must be a catalogue .* got 7/],
    ['null as base', {}, { base: null }, /base must be a catalogue .* got null/],
    ['a base of something else', {}, { base: { BIZ_X: 1 } }, /base must be a catalogue .* at BIZ_X/],
  ])('refuses %s', (_, definitions, options, message) => {
    expect(() => defineErrors(definitions as never, options as never)).toThrow(message);
  });

  it('accepts a code of 63 characters, the status 599 and expose: false', () => {
    const code = `BIZ_${'A'.repeat(59)}`;
    const error = defineErrors({ [code]: { status: 599, title: 'x', expose: false, retryable: true } })[
      code
    ]!();
    expect(error).toMatchObject({ code, status: 599, expose: false, retryable: true });
    expect(toAppError(error)).toBe(error);
  });
});

describe('commonErrors', () => {
  it.each([
    ['SYS_INTERNAL_ERROR', 500],
    ['SYS_DATABASE_ERROR', 500],
    ['SYS_UNAVAILABLE', 503],
    ['SYS_TIMEOUT', 504],
    ['SYS_UPSTREAM_ERROR', 502],
    ['SYS_RATE_LIMITED', 429],
    ['AUTH_FAILED', 401],
    ['AUTH_TOKEN_EXPIRED', 401],
    ['AUTH_FORBIDDEN', 403],
    ['VAL_INVALID_INPUT', 400],
    ['VAL_REQUIRED_FIELD', 400],
    ['VAL_TOO_LARGE', 413],
    ['VAL_UNSUPPORTED_MEDIA', 415],
    ['RES_NOT_FOUND', 404],
    ['RES_ALREADY_EXISTS', 409],
    ['RES_CONFLICT', 409],
    ['BIZ_INSUFFICIENT_BALANCE', 422],
    ['BIZ_INVALID_OPERATION', 422],
  ] as const)('has %s with status %i', (code, status) => {
    expect(commonErrors[code]()).toMatchObject({ code, status, expose: status < 500 });
  });

  it('has nothing else', () => expect(Object.keys(commonErrors)).toHaveLength(18));
});

describe('isAppError', () => {
  it('knows an error by its brand, also one of another copy of the package', () => {
    const copy = { [Symbol.for('@kit/errors.AppError')]: true, code: 'BIZ_X' };
    expect(isAppError(copy)).toBe(true);
    expect(isAppError(copy, 'BIZ_X')).toBe(true);
    expect(isAppError(commonErrors.RES_CONFLICT(), 'RES_NOT_FOUND')).toBe(false);
  });

  it.each([null, undefined, 1, 'x', {}, new Error('x'), { code: 'RES_NOT_FOUND' }])('refuses %s', (value) => {
    expect(isAppError(value)).toBe(false);
  });

  it('survives a revoked proxy', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(isAppError(proxy)).toBe(false);
  });
});
