import { afterEach, describe, expect, it } from 'vitest';
import { AppError, commonErrors, toAppError } from '../src/index.js';

const port = Symbol.for('@kit/trace');
const globals = globalThis as Record<symbol, unknown>;
const enterTrace = (digit: string) => {
  globals[port] = { version: 1, getTrace: () => ({ traceId: digit.repeat(32) }) };
};
const odd = (fields: object = {}) => new AppError({ code: 'BIZ_ODD', status: 422, title: 'Odd', ...fields });

afterEach(() => {
  delete globals[port];
});

describe('an AppError made by hand', () => {
  it.each([
    [{ status: 499 }, true],
    [{ status: 500 }, false],
    [{ status: 503, expose: true }, true],
    [{ status: 404, expose: false }, false],
  ])('with %o is shown to callers: %s', (fields, expose) => {
    expect(odd(fields).expose).toBe(expose);
  });

  it('is not to be tried again unless it says so', () => {
    expect([odd().retryable, odd({ retryable: true }).retryable]).toEqual([false, true]);
  });

  it('has no field for what it was not given, as every logger prints the fields', () => {
    const fields = Object.keys(odd());
    expect(fields).not.toContain('retryAfterMs');
    expect(fields).not.toContain('errors');
    expect(Object.keys(odd({ retryAfterMs: 0, errors: [] }))).toEqual(
      expect.arrayContaining(['retryAfterMs', 'errors']),
    );
  });
});

describe('the trace of an AppError', () => {
  it('stays the one in which it was raised, whoever answers', () => {
    enterTrace('a');
    const error = commonErrors.RES_CONFLICT();
    enterTrace('b');
    expect(toAppError(error)).toMatchObject({ traceId: 'a'.repeat(8), fullTraceId: 'a'.repeat(32) });
  });

  it('is the first in which an error from outside is answered', () => {
    const error = commonErrors.RES_CONFLICT();
    enterTrace('a');
    toAppError(error);
    enterTrace('b');
    expect(toAppError(error)).toMatchObject({ traceId: 'a'.repeat(8), fullTraceId: 'a'.repeat(32) });
  });

  it('does not change on an error that was frozen', () => {
    const error = Object.freeze(commonErrors.RES_CONFLICT());
    const { traceId, fullTraceId } = error;
    enterTrace('a');
    expect(toAppError(error)).toMatchObject({ traceId, fullTraceId });
  });
});

describe('an error that stands for its cause', () => {
  it('is made where the limit of stack traces is frozen too', () => {
    const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')!;
    Object.defineProperty(Error, 'stackTraceLimit', { ...limit, writable: false });
    try {
      expect(toAppError(new Error('x')).code).toBe('SYS_INTERNAL_ERROR');
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', limit);
    }
  });
});
