/**
 * The errors of @kit/tx. Each has a `code`, a brand that survives two copies of the package, and a guard.
 */

const brand = Symbol.for('@kit/tx/error');

class TxError extends Error {
  static {
    // What tells the guards of every copy of the package; no part of the types, which would differ between copies.
    Object.defineProperty(this.prototype, brand, {
      get(this: Error) {
        return this.name;
      },
    });
  }
}

/** The client's own mistake: its message is for the client too. */
abstract class RequestError extends TxError {
  /** The HTTP status, under the two names that frameworks look for. */
  abstract readonly status: number;
  get statusCode(): number {
    return this.status;
  }
  readonly expose = true;
}

/** The transaction was rolled back although its function did not fail: the caller must not believe in a commit. */
export class UnexpectedRollbackError extends TxError {
  readonly code = 'KIT_TX_UNEXPECTED_ROLLBACK';
  override readonly name = 'UnexpectedRollbackError';
}

/** A statement, or a call, came after its scope (or its manager) had ended. */
export class TransactionClosedError extends TxError {
  readonly code = 'KIT_TX_CLOSED';
  override readonly name = 'TransactionClosedError';
}

/** Statements were still in flight when the scope's function had returned; the transaction is rolled back. */
export class DanglingQueryError extends TxError {
  readonly code = 'KIT_TX_DANGLING_QUERY';
  override readonly name = 'DanglingQueryError';
}

/** A call needs one more connection than the pool can ever give it; refused at once instead of a deadlock. */
export class PoolDeadlockError extends TxError {
  readonly code = 'KIT_TX_POOL_DEADLOCK';
  override readonly name = 'PoolDeadlockError';
}

/** A statement would end, or has ended, the transaction behind the manager's back (`COMMIT`, DDL on MySQL). */
export class TransactionHijackedError extends TxError {
  readonly code = 'KIT_TX_HIJACKED';
  override readonly name = 'TransactionHijackedError';
}

/** The connection was lost during COMMIT: whether it happened is unknown, and it is never retried blindly. */
export class CommitOutcomeUnknownError extends TxError {
  readonly code = 'KIT_TX_COMMIT_OUTCOME_UNKNOWN';
  override readonly name = 'CommitOutcomeUnknownError';
}

/** The transaction, or a statement that another scope held, took longer than allowed. */
export class TransactionTimeoutError extends TxError {
  readonly code = 'KIT_TX_TIMEOUT';
  override readonly name = 'TransactionTimeoutError';
}

/** The call does not fit what is active: MANDATORY without, NEVER within, another isolation, a write in a read. */
export class PropagationError extends TxError {
  readonly code = 'KIT_TX_PROPAGATION';
  override readonly name = 'PropagationError';
}

/** The transaction is committed, but a hook failed; `cause` is the first hook's error, the others still ran. */
export class AfterCommitError extends TxError {
  readonly code = 'KIT_TX_AFTER_COMMIT';
  override readonly name = 'AfterCommitError';
  /** What the transaction's function returned. */
  readonly result: unknown;
  constructor(message: string, options?: ErrorOptions & { result?: unknown }) {
    super(message, options);
    this.result = options?.result;
  }
}

/** A connection leads to a database outside the manager's domain, or a scope entered another domain's manager. */
export class DomainViolationError extends TxError {
  readonly code = 'KIT_TX_DOMAIN_VIOLATION';
  override readonly name = 'DomainViolationError';
}

/** A lease or lock passed to somebody else: whatever this holder still writes would be refused by the fence. */
export class LeaseLostError extends TxError {
  readonly code = 'KIT_TX_LEASE_LOST';
  override readonly name = 'LeaseLostError';
}

/** A lock was not free within the time the caller was willing to wait. */
export class LockUnavailableError extends TxError {
  readonly code = 'KIT_TX_LOCK_UNAVAILABLE';
  override readonly name = 'LockUnavailableError';
}

/** A saga was found under another version of its definition than the one that started it. */
export class SagaVersionError extends TxError {
  readonly code = 'KIT_TX_SAGA_VERSION';
  override readonly name = 'SagaVersionError';
}

/** The input does not fit the schema of the saga (HTTP 400); nothing was stored. */
export class SagaInputError extends RequestError {
  readonly code = 'KIT_TX_SAGA_INPUT';
  override readonly name = 'SagaInputError';
  readonly status = 400;
  /** What the schema found, as Standard Schema gives it. */
  readonly issues: readonly unknown[];
  constructor(message: string, options?: ErrorOptions & { issues?: readonly unknown[] }) {
    super(message, options);
    this.issues = options?.issues ?? [];
  }
}

/** The idempotency key was used before with another body (HTTP 422). */
export class IdempotencyMismatchError extends RequestError {
  readonly code = 'KIT_TX_IDEMPOTENCY_MISMATCH';
  override readonly name = 'IdempotencyMismatchError';
  readonly status = 422;
}

/** The request's Idempotency-Key is missing although required, or unusable (HTTP 400). */
export class IdempotencyKeyError extends RequestError {
  readonly code = 'KIT_TX_IDEMPOTENCY_KEY';
  override readonly name = 'IdempotencyKeyError';
  readonly status = 400;
}

/** A request with the same idempotency key is being handled at this moment (HTTP 409). */
export class IdempotencyInProgressError extends RequestError {
  readonly code = 'KIT_TX_IDEMPOTENCY_IN_PROGRESS';
  override readonly name = 'IdempotencyInProgressError';
  readonly status = 409;
}

/** Whether `error` is an {@link UnexpectedRollbackError} of any copy of the package. */
export const isUnexpectedRollbackError = guardFor<UnexpectedRollbackError>('UnexpectedRollbackError');
/** Whether `error` is a {@link TransactionClosedError} of any copy of the package. */
export const isTransactionClosedError = guardFor<TransactionClosedError>('TransactionClosedError');
/** Whether `error` is a {@link DanglingQueryError} of any copy of the package. */
export const isDanglingQueryError = guardFor<DanglingQueryError>('DanglingQueryError');
/** Whether `error` is a {@link PoolDeadlockError} of any copy of the package. */
export const isPoolDeadlockError = guardFor<PoolDeadlockError>('PoolDeadlockError');
/** Whether `error` is a {@link TransactionHijackedError} of any copy of the package. */
export const isTransactionHijackedError = guardFor<TransactionHijackedError>('TransactionHijackedError');
/** Whether `error` is a {@link CommitOutcomeUnknownError} of any copy of the package. */
export const isCommitOutcomeUnknownError = guardFor<CommitOutcomeUnknownError>('CommitOutcomeUnknownError');
/** Whether `error` is a {@link TransactionTimeoutError} of any copy of the package. */
export const isTransactionTimeoutError = guardFor<TransactionTimeoutError>('TransactionTimeoutError');
/** Whether `error` is a {@link PropagationError} of any copy of the package. */
export const isPropagationError = guardFor<PropagationError>('PropagationError');
/** Whether `error` is an {@link AfterCommitError} of any copy of the package. */
export const isAfterCommitError = guardFor<AfterCommitError>('AfterCommitError');
/** Whether `error` is a {@link DomainViolationError} of any copy of the package. */
export const isDomainViolationError = guardFor<DomainViolationError>('DomainViolationError');
/** Whether `error` is a {@link LeaseLostError} of any copy of the package. */
export const isLeaseLostError = guardFor<LeaseLostError>('LeaseLostError');
/** Whether `error` is a {@link LockUnavailableError} of any copy of the package. */
export const isLockUnavailableError = guardFor<LockUnavailableError>('LockUnavailableError');
/** Whether `error` is a {@link SagaVersionError} of any copy of the package. */
export const isSagaVersionError = guardFor<SagaVersionError>('SagaVersionError');
/** Whether `error` is a {@link SagaInputError} of any copy of the package. */
export const isSagaInputError = guardFor<SagaInputError>('SagaInputError');
/** Whether `error` is an {@link IdempotencyKeyError} of any copy of the package. */
export const isIdempotencyKeyError = guardFor<IdempotencyKeyError>('IdempotencyKeyError');
/** Whether `error` is an {@link IdempotencyMismatchError} of any copy of the package. */
export const isIdempotencyMismatchError = guardFor<IdempotencyMismatchError>('IdempotencyMismatchError');
/** Whether `error` is an {@link IdempotencyInProgressError} of any copy of the package. */
export const isIdempotencyInProgressError = guardFor<IdempotencyInProgressError>(
  'IdempotencyInProgressError',
);

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- each caller names the class it guards
function guardFor<E extends Error>(name: string): (error: unknown) => error is E {
  return (error): error is E => {
    try {
      return typeof error === 'object' && error !== null && (error as { [brand]?: unknown })[brand] === name;
    } catch {
      // A proxy that throws is no error of ours.
      return false;
    }
  };
}
