import {
  BrokenCircuitError,
  bulkhead,
  circuitBreaker,
  ConsecutiveBreaker,
  handleAll,
  timeout,
  TimeoutStrategy,
} from 'cockatiel';
import { describe, expect, it } from 'vitest';
import { createErrorResponder, toAppError } from '../src/index.js';

const kitError = (code: string, extra: object = {}) => Object.assign(new Error('x'), { code, ...extra });
const respond = createErrorResponder({ logger: false });

describe('toAppError, breakers, bulkheads and timeouts', () => {
  it.each([
    ['KIT_BREAKER_OPEN', { retryAfterMs: 29_500 }, 503, '30'],
    ['KIT_BULKHEAD_FULL', {}, 503, '1'],
    ['KIT_TIMEOUT', {}, 504, '1'],
    ['KIT_DEADLINE_EXCEEDED', { retryAfterMs: -5 }, 504, '1'],
    ['KIT_BREAKER_OPEN', { retryAfterMs: Number.NaN }, 503, '1'],
    ['KIT_BREAKER_OPEN', { retryAfterMs: Number.POSITIVE_INFINITY }, 503, '1'],
    ['KIT_BREAKER_OPEN', { retryAfterMs: 0 }, 503, '0'],
  ])('answers %s with Retry-After', (code, extra, status, retryAfter) => {
    const answer = respond(kitError(code, extra));
    expect(answer.status).toBe(status);
    expect(answer.headers['retry-after']).toBe(retryAfter);
    expect(answer.error.retryable).toBe(true);
  });

  it('answers a partner that said no with 502, whatever it said', () => {
    const answer = respond(kitError('KIT_HTTP_STATUS', { status: 404, bodyExcerpt: 'secret' }));
    expect(answer.problem).toMatchObject({ code: 'SYS_UPSTREAM_ERROR', status: 502 });
    expect(answer.body).not.toContain('secret');
    expect(answer.headers).not.toHaveProperty('retry-after');
  });

  it.each([
    ['PoolDeadlockError', 'SYS_UNAVAILABLE', 503],
    ['LeaseLostError', 'SYS_UNAVAILABLE', 503],
    ['TransactionTimeoutError', 'SYS_TIMEOUT', 504],
    ['IdempotencyMismatchError', 'BIZ_INVALID_OPERATION', 422],
    ['IdempotencyInProgressError', 'RES_CONFLICT', 409],
    ['IdempotencyKeyError', 'VAL_INVALID_INPUT', 400],
    ['SagaInputError', 'VAL_INVALID_INPUT', 400],
    ['LockUnavailableError', 'SYS_UNAVAILABLE', 503],
    ['CommitOutcomeUnknownError', 'SYS_DATABASE_ERROR', 500],
    ['UnexpectedRollbackError', 'SYS_DATABASE_ERROR', 500],
  ])('maps %s of @kit/tx', (name, code, status) => {
    expect(toAppError(kitError('KIT_TX_SOMETHING', { name }))).toMatchObject({ code, status });
  });

  it.each([
    ['KIT_TX_POOL_DEADLOCK', 'SYS_UNAVAILABLE', 503],
    ['KIT_TX_TIMEOUT', 'SYS_TIMEOUT', 504],
    ['KIT_TX_IDEMPOTENCY_KEY', 'VAL_INVALID_INPUT', 400],
    ['KIT_TX_IDEMPOTENCY_MISMATCH', 'BIZ_INVALID_OPERATION', 422],
    ['KIT_TX_IDEMPOTENCY_IN_PROGRESS', 'RES_CONFLICT', 409],
    ['KIT_TX_UNEXPECTED_ROLLBACK', 'SYS_DATABASE_ERROR', 500],
  ])('knows %s by its code alone', (txCode, code, status) => {
    expect(toAppError(kitError(txCode))).toMatchObject({ code, status });
  });

  it('gives the issues of a saga’s input as field errors', () => {
    const issues = [{ path: ['amount'], message: 'Expected a number', code: 'invalid_type' }];
    const { problem } = respond(kitError('KIT_TX_SAGA_INPUT', { name: 'SagaInputError', issues }));
    expect(problem).toMatchObject({ code: 'VAL_INVALID_INPUT', status: 400, detail: '1 field is invalid' });
    expect(problem.errors).toEqual([
      { pointer: '#/amount', field: 'amount', code: 'invalid_type', detail: 'Expected a number' },
    ]);
  });

  it('maps what cockatiel really throws', async () => {
    const breaker = circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(1) });
    await breaker.execute(() => Promise.reject(new Error('x'))).catch(() => {});
    const open: unknown = await breaker.execute(() => 1).catch((error: unknown) => error);
    expect(open).toBeInstanceOf(BrokenCircuitError);
    expect(toAppError(open)).toMatchObject({ code: 'SYS_UNAVAILABLE', retryAfterMs: 1_000 });

    const isolated = circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(1) });
    isolated.isolate();
    expect(toAppError(await isolated.execute(() => 1).catch((error: unknown) => error)).status).toBe(503);

    const full = bulkhead(1);
    let release!: () => void;
    const running = full.execute(() => new Promise<void>((resolve) => (release = resolve)));
    expect(toAppError(await full.execute(() => 1).catch((error: unknown) => error)).status).toBe(503);
    release();
    await running;

    const slow = timeout(10, TimeoutStrategy.Aggressive);
    const late: unknown = await slow.execute(() => new Promise(() => {})).catch((error: unknown) => error);
    expect(toAppError(late)).toMatchObject({ code: 'SYS_TIMEOUT', retryAfterMs: 1_000 });
  });

  it.each(['EOPENBREAKER', 'ESEMLOCKED'])('maps %s of opossum', (code) => {
    expect(toAppError(kitError(code)).code).toBe('SYS_UNAVAILABLE');
  });
});
