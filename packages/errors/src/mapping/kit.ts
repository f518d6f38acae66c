import { read, readNumber, readString } from '../read.js';
import { type ErrorMapper, standIn, type StandInOptions } from './stand-in.js';
import type { CommonErrorCode } from '../common-errors.js';

/**
 * Errors of `@kit/breaker` and `@kit/tx` by their codes, of cockatiel by the marks its guards look at, of opossum by code.
 */
export const mapResilienceError: ErrorMapper = (error) => {
  const code = readString(error, 'code') ?? '';
  const found =
    byCode[code] ?? (code.startsWith('KIT_TX_') ? transactionOutcome(code, error) : cockatielOutcome(error));
  if (!found) return undefined;
  const [target, options] = found;
  return standIn(target, error, {
    ...options,
    ...(isBusy(target) ? { retryAfterMs: retryAfterOf(error) } : undefined),
  });
};

type Outcome = readonly [CommonErrorCode, StandInOptions?];

const byCode: Record<string, Outcome> = {
  KIT_BREAKER_OPEN: ['SYS_UNAVAILABLE'],
  KIT_BULKHEAD_FULL: ['SYS_UNAVAILABLE'],
  KIT_TIMEOUT: ['SYS_TIMEOUT'],
  KIT_DEADLINE_EXCEEDED: ['SYS_TIMEOUT'],
  KIT_HTTP_STATUS: ['SYS_UPSTREAM_ERROR'],
  EOPENBREAKER: ['SYS_UNAVAILABLE'],
  ESEMLOCKED: ['SYS_UNAVAILABLE'],
};

const cockatielMarks: readonly (readonly [string, CommonErrorCode])[] = [
  ['isBrokenCircuitError', 'SYS_UNAVAILABLE'],
  ['isHydratingCircuitError', 'SYS_UNAVAILABLE'],
  ['isBulkheadRejectedError', 'SYS_UNAVAILABLE'],
  ['isTaskCancelledError', 'SYS_TIMEOUT'],
];

function cockatielOutcome(error: unknown): Outcome | undefined {
  const found = cockatielMarks.find(([mark]) => read(error, mark) === true);
  return found && [found[1]];
}

const transactionOutcomes: readonly (readonly [code: string, name: string, Outcome])[] = [
  ['KIT_TX_POOL_DEADLOCK', 'PoolDeadlockError', ['SYS_UNAVAILABLE']],
  ['KIT_TX_LEASE_LOST', 'LeaseLostError', ['SYS_UNAVAILABLE']],
  ['KIT_TX_LOCK_UNAVAILABLE', 'LockUnavailableError', ['SYS_UNAVAILABLE']],
  ['KIT_TX_TIMEOUT', 'TransactionTimeoutError', ['SYS_TIMEOUT']],
  ['KIT_TX_SAGA_INPUT', 'SagaInputError', ['VAL_INVALID_INPUT']],
  [
    'KIT_TX_IDEMPOTENCY_KEY',
    'IdempotencyKeyError',
    ['VAL_INVALID_INPUT', { message: 'The idempotency key is missing or not usable' }],
  ],
  [
    'KIT_TX_IDEMPOTENCY_MISMATCH',
    'IdempotencyMismatchError',
    ['BIZ_INVALID_OPERATION', { message: 'The idempotency key was used before with another request' }],
  ],
  [
    'KIT_TX_IDEMPOTENCY_IN_PROGRESS',
    'IdempotencyInProgressError',
    [
      'RES_CONFLICT',
      { message: 'The first request with this idempotency key is still running', retryAfterMs: 1_000 },
    ],
  ],
];

function transactionOutcome(code: string, error: unknown): Outcome {
  const name = readString(error, 'name');
  const found = transactionOutcomes.find((known) => known[0] === code || known[1] === name);
  return found?.[2] ?? ['SYS_DATABASE_ERROR'];
}

function isBusy(target: CommonErrorCode): boolean {
  return target === 'SYS_UNAVAILABLE' || target === 'SYS_TIMEOUT';
}

/** A client that is told nothing retries at once, which is the one thing that does not help. */
const defaultRetryAfterMs = 1_000;

function retryAfterOf(error: unknown): number {
  const given = readNumber(error, 'retryAfterMs');
  return given !== undefined && Number.isFinite(given) && given >= 0 ? given : defaultRetryAfterMs;
}
