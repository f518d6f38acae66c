import { read, readNumber, readString } from '../read.js';
import { type ErrorMapper, standIn, type StandInOptions } from './stand-in.js';
import type { CommonErrorCode } from '../common-errors.js';

/**
 * Errors of `@kit/breaker` and `@kit/tx` by their codes, of cockatiel by the marks its guards look at, of opossum by code.
 */
export const mapResilienceError: ErrorMapper = (error) => {
  const code = readString(error, 'code') ?? '';
  const found =
    byCode[code] ?? (code.startsWith('KIT_TX_') ? transactionOutcome(error) : cockatielOutcome(error));
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

const transactionNames: Record<string, Outcome> = {
  PoolDeadlockError: ['SYS_UNAVAILABLE'],
  LeaseLostError: ['SYS_UNAVAILABLE'],
  TransactionTimeoutError: ['SYS_TIMEOUT'],
  IdempotencyMismatchError: [
    'BIZ_INVALID_OPERATION',
    { message: 'The idempotency key was used before with another request' },
  ],
  IdempotencyInProgressError: [
    'RES_CONFLICT',
    { message: 'The first request with this idempotency key is still running', retryAfterMs: 1_000 },
  ],
};

function transactionOutcome(error: unknown): Outcome {
  return transactionNames[readString(error, 'name') ?? ''] ?? ['SYS_DATABASE_ERROR'];
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
