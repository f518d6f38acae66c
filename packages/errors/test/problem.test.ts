import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  AppError,
  commonErrors,
  defineErrors,
  successEnvelope,
  toAppError,
  toGrpcStatus,
  toProblem,
} from '../src/index.js';

const port = Symbol.for('@kit/trace');
const globals = globalThis as Record<symbol, unknown>;
const trace = { traceId: '0af7651916cd43dd8448eb2180319c1a', id: '80319c1a', requestId: 'order-7.retry_2' };
const inTrace = (getTrace: () => unknown) => (globals[port] = { version: 1, getTrace });

afterEach(() => {
  delete globals[port];
  vi.unstubAllEnvs();
});

describe('toProblem', () => {
  it('is RFC 9457 with the members that older clients know', () => {
    inTrace(() => trace);
    const errors = [
      { pointer: '#/items/1/amount', field: 'items[1].amount', code: 'invalid_type', detail: 'not a number' },
    ];
    const error = commonErrors.VAL_INVALID_INPUT(undefined, { message: '1 field is invalid', errors });
    const problem = toProblem(error, {
      path: '/v1/payments',
      method: 'POST',
      typeBaseUrl: 'https://docs.example/errors',
    });
    expect(problem).toEqual({
      type: 'https://docs.example/errors/VAL_INVALID_INPUT',
      title: 'Invalid input',
      status: 400,
      detail: '1 field is invalid',
      instance: 'urn:uuid:0af76519-16cd-43dd-8448-eb2180319c1a',
      code: 'VAL_INVALID_INPUT',
      message: '1 field is invalid',
      timestamp: error.timestamp,
      path: '/v1/payments',
      method: 'POST',
      traceId: '80319c1a',
      requestId: 'order-7.retry_2',
      errors,
    });
  });

  it('is about:blank with the phrase of the status when there is no base URL', () => {
    expect(toProblem(commonErrors.BIZ_INSUFFICIENT_BALANCE())).toMatchObject({
      type: 'about:blank',
      title: 'Unprocessable Entity',
      detail: 'Insufficient balance',
    });
    expect(toProblem(new AppError({ code: 'BIZ_ODD', status: 499, title: 'Odd' })).title).toBe('Odd');
  });

  it.each(['https://docs.example/errors', 'https://docs.example/errors/'])(
    'joins %s and the code with one slash',
    (typeBaseUrl) => {
      expect(toProblem(commonErrors.RES_CONFLICT(), { typeBaseUrl }).type).toBe(
        'https://docs.example/errors/RES_CONFLICT',
      );
    },
  );

  it.each(['/errors', 'errors', '', 7, new URL('https://docs.example/')])(
    'refuses %j as a base URL',
    (typeBaseUrl) => {
      expect(() => toProblem(new Error('x'), { typeBaseUrl: typeBaseUrl as never })).toThrow(
        /typeBaseUrl must be an absolute URL, got/,
      );
    },
  );

  it('leaves message, details and fields out of what is not exposed', () => {
    const { SYS_LEDGER } = defineErrors({
      SYS_LEDGER: { status: 500, title: 'Ledger error', message: 'ledger-7 said no' },
    });
    const problem = toProblem(SYS_LEDGER({ host: 'ledger-7' }, { errors: [] }));
    expect(problem).toMatchObject({ detail: 'Ledger error', message: 'Ledger error' });
    expect(problem).not.toHaveProperty('details');
    expect(problem).not.toHaveProperty('errors');
  });

  it('sends details that JSON cannot write as far as it can', () => {
    const cyclic: Record<string, unknown> = {
      big: 10n,
      nan: Number.NaN,
      when: new Date(0),
      fn: () => 1,
      password: 'x',
    };
    cyclic.self = cyclic;
    Object.defineProperty(cyclic, '__proto__', { value: { polluted: true }, enumerable: true });
    const { details } = toProblem(commonErrors.RES_CONFLICT(cyclic)) as { details: Record<string, unknown> };
    expect(details).toMatchObject({
      big: '10',
      nan: 'NaN',
      when: '1970-01-01T00:00:00.000Z',
      self: '[circular]',
      password: '***',
    });
    expect(details).not.toHaveProperty('fn');
    expect(Object.getPrototypeOf(details)).toBe(Object.prototype);
    const hostile = Object.defineProperty({}, 'x', {
      enumerable: true,
      get: () => {
        throw new Error('x');
      },
    });
    expect(toProblem(commonErrors.RES_CONFLICT(hostile as never)).details).toBe('[unreadable]');
    let deep: Record<string, unknown> = {};
    for (let depth = 0; depth < 50; depth += 1) deep = { deep };
    expect(JSON.stringify(toProblem(commonErrors.RES_CONFLICT(deep)))).toContain('[cut]');
  });

  it('shows a stack only when asked, and never in production', () => {
    const error = toAppError(new Error('x'));
    expect(toProblem(error)).not.toHaveProperty('stack');
    expect(toProblem(error, { exposeStack: true }).stack).toContain('problem.test.ts');
    vi.stubEnv('NODE_ENV', 'production');
    expect(toProblem(error, { exposeStack: true })).not.toHaveProperty('stack');
  });

  it('has no member for what it was not told', () => {
    const members = Object.keys(toProblem(null, { exposeStack: true }));
    for (const member of ['path', 'method', 'errors', 'details', 'stack'])
      expect(members).not.toContain(member);
  });

  it('hides what reads like the inside of a service in details too', () => {
    const note = 'select * from users where id = 7';
    expect(toProblem(commonErrors.RES_CONFLICT({ note })).details).toEqual({ note: '***' });
  });

  it('cuts the query off the path', () => {
    expect(toProblem(new Error('x'), { path: '/reset?token=abc#top' }).path).toBe('/reset');
  });

  it('hides a message that reads like the inside of a service, and leaves others alone', () => {
    const shown = (message: string) => toProblem(commonErrors.RES_CONFLICT(undefined, { message })).detail;
    const hidden = [
      'connect ECONNREFUSED 10.0.0.3:5432',
      'insert into "users" ("email") values ($1)',
      'select "id" from "users" where "id" = $1',
      'open /home/app/.env',
      'at Object.pay (/srv/pay.js:1:2)',
      'Bearer abcdef012345',
      'card 4111 1111 1111 1111',
      'Cannot read properties of undefined',
      'relation "users" does not exist',
    ];
    for (const message of hidden) expect(shown(message)).toBe('Conflict');
    const plain = [
      'Please select an item from the list',
      'The order 42 was updated by someone else',
      'Set a new password at /account',
      'This key is not valid: it was set before',
      '2.00 would exceed the daily limit of 1.00',
      'Die Überweisung ist schon gebucht',
    ];
    for (const message of plain) expect(shown(message)).toBe(message);
    expect(shown('a'.repeat(5_000))).toHaveLength(1_024);
    expect(shown('  ')).toBe('Conflict');
  });

  it('shows a message of 1024 characters whole, and sees a secret in one that it will cut', () => {
    const shown = (message: unknown) =>
      toProblem(Object.assign(commonErrors.RES_CONFLICT(), { message })).detail;
    expect(shown('a'.repeat(1_024))).toBe('a'.repeat(1_024));
    expect(shown(`${'a '.repeat(250)}postgres://shop:pw@db/shop ${'a '.repeat(2_500)}`)).toBe('Conflict');
    expect(shown(undefined)).toBe('Conflict');
  });

  it('renders an error of another copy of the package, and none that only carries the brand', () => {
    const copy: unknown = Object.assign(
      Object.create({ [Symbol.for('@kit/errors.AppError')]: true }) as object,
      Object.fromEntries(Object.entries(commonErrors.RES_CONFLICT())),
      { message: 'Taken', fullTraceId: trace.traceId, requestId: 'r' },
    );
    expect(toProblem(copy)).toMatchObject({ code: 'RES_CONFLICT', detail: 'Taken' });
    const fake = { [Symbol.for('@kit/errors.AppError')]: true, code: 'RES_CONFLICT', status: 200 };
    expect(toProblem(fake)).toMatchObject({ code: 'SYS_INTERNAL_ERROR', status: 500 });
    const broken = Object.assign(commonErrors.RES_CONFLICT(), { errors: [null] });
    expect(toProblem(broken)).toMatchObject({ code: 'SYS_INTERNAL_ERROR', status: 500 });
  });
});

describe('the message of an error that has a cause', () => {
  const shown = (message: string, cause: unknown) =>
    toProblem(commonErrors.RES_CONFLICT(undefined, { message, cause })).detail;
  const chain = (length: number, innermost: string): Error =>
    length === 1 ? new Error(innermost) : new Error('outer', { cause: chain(length - 1, innermost) });
  const branded = { [Symbol.for('@kit/errors.AppError')]: true };

  it.each([
    ['a foreign error', new Error('seat 7 is taken')],
    ['a text that was thrown', 'seat 7 is taken'],
    ['four letters', new Error('seat')],
    ['the cause of a cause', chain(2, 'seat 7 is taken')],
    ['the sixteenth cause', chain(16, 'seat 7 is taken')],
    [
      'an error that is not exposed',
      commonErrors.SYS_DATABASE_ERROR(undefined, { message: 'seat 7 is taken' }),
    ],
    ['an object that says that it is exposed', { message: 'seat 7 is taken', expose: true }],
    ['an AppError that does not say that it is exposed', { message: 'seat 7 is taken', ...branded }],
  ])('is not shown when it repeats %s', (_case, cause) => {
    expect(shown('No: seat 7 is taken', cause)).toBe('Conflict');
  });

  it.each([
    ['another text', new Error('row 7 is taken')],
    ['three letters', new Error('sea')],
    ['no cause', undefined],
    ['null', null],
    ['the seventeenth cause', chain(17, 'seat 7 is taken')],
    ['an error that is exposed itself', commonErrors.RES_CONFLICT(undefined, { message: 'seat 7 is taken' })],
  ])('is shown with %s', (_case, cause) => {
    expect(shown('No: seat 7 is taken, not null', cause)).toBe('No: seat 7 is taken, not null');
  });

  it('is shown when the causes go round in a circle', () => {
    const cause = new Error('round');
    cause.cause = cause;
    expect(shown('Try again', cause)).toBe('Try again');
  });
});

describe('trace ids of an error', () => {
  it('are those of the trace in which it was raised', () => {
    inTrace(() => trace);
    const error = commonErrors.RES_CONFLICT();
    delete globals[port];
    expect(error.traceId).toBe('80319c1a');
    expect(toProblem(error)).toMatchObject({ traceId: '80319c1a', requestId: 'order-7.retry_2' });
  });

  it('are those of the request when the error was raised where the trace was lost', () => {
    const error = commonErrors.RES_CONFLICT();
    expect(error.traceId).toMatch(/^[0-9a-f]{8}$/);
    inTrace(() => trace);
    expect(toProblem(error).traceId).toBe('80319c1a');
    expect(error.traceId).toBe('80319c1a');
    expect(() =>
      toProblem(Object.freeze(new AppError({ code: 'BIZ_X', status: 400, title: 'x' }))),
    ).not.toThrow();
  });

  it('are made up, and stay the same, without a trace', () => {
    const error = commonErrors.RES_CONFLICT();
    const problem = toProblem(error);
    expect(problem.instance.replaceAll('-', '').endsWith(error.traceId)).toBe(true);
    expect(toProblem(error).instance).toBe(problem.instance);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('x');
      },
    ],
    ['gives nothing', () => undefined],
    ['gives nonsense', () => ({ traceId: 'x\r\ny', id: 5 })],
    ['gives a number', () => 7],
  ])('survive a trace port that %s', (_case, getTrace) => {
    inTrace(getTrace);
    expect(commonErrors.RES_CONFLICT().traceId).toMatch(/^[0-9a-f]{8}$/);
  });

  it('do not repeat a request id that could break a log line', () => {
    inTrace(() => ({ traceId: trace.traceId, requestId: 'a\r\nb' }));
    expect(toProblem(new Error('x'))).toMatchObject({ traceId: '80319c1a', requestId: '80319c1a' });
  });
});

describe('successEnvelope', () => {
  it('carries data, ids and a timestamp, and nothing else', () => {
    inTrace(() => trace);
    const envelope = successEnvelope({ paymentId: 7 });
    expect(envelope).toEqual({
      data: { paymentId: 7 },
      traceId: '80319c1a',
      requestId: 'order-7.retry_2',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
    delete globals[port];
    expect(successEnvelope(null).traceId).toMatch(/^[0-9a-f]{8}$/);
  });
});

describe('toGrpcStatus', () => {
  it.each([
    [commonErrors.RES_NOT_FOUND(), 5, 'NOT_FOUND', 'Not found'],
    [
      commonErrors.BIZ_INVALID_OPERATION(undefined, { message: 'Closed' }),
      9,
      'FAILED_PRECONDITION',
      'Closed',
    ],
    [commonErrors.SYS_DATABASE_ERROR(undefined, { message: 'secret' }), 13, 'INTERNAL', 'Database error'],
    [new Error('secret'), 13, 'INTERNAL', 'Internal error'],
    [Object.assign(new Error('x'), { code: '23505' }), 6, 'ALREADY_EXISTS', 'Already exists'],
    [Object.assign(new Error('x'), { statusCode: 501 }), 12, 'UNIMPLEMENTED', 'Internal error'],
    [Object.assign(new Error('x'), { statusCode: 418 }), 3, 'INVALID_ARGUMENT', 'Invalid input'],
    [null, 13, 'INTERNAL', 'Internal error'],
  ])('gives number, name and message: %s', (error, code, name, message) => {
    expect(toGrpcStatus(error)).toEqual({ code, name, message });
  });

  it('says UNKNOWN for a name that gRPC does not have', () => {
    const error = Object.defineProperty(commonErrors.RES_NOT_FOUND(), 'grpc', { value: 'NOPE' });
    expect(toGrpcStatus(error)).toMatchObject({ code: 2, name: 'UNKNOWN' });
  });
});
