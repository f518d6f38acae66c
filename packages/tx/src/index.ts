export { createTransactionManager, type TransactionManager } from './manager.js';
export type { AmbientKnex } from './ambient-knex.js';
export type { RunContext, Work } from './call.js';
export type {
  Dangling,
  DomainOptions,
  Isolation,
  Propagation,
  ReadOptions,
  RetryOptions,
  RunOptions,
  TransactionManagerOptions,
} from './options.js';
export {
  AfterCommitError,
  CommitOutcomeUnknownError,
  DanglingQueryError,
  DomainViolationError,
  IdempotencyInProgressError,
  IdempotencyMismatchError,
  isAfterCommitError,
  isCommitOutcomeUnknownError,
  isDanglingQueryError,
  isDomainViolationError,
  IdempotencyKeyError,
  isIdempotencyInProgressError,
  isIdempotencyKeyError,
  isIdempotencyMismatchError,
  isLeaseLostError,
  isLockUnavailableError,
  isPoolDeadlockError,
  isPropagationError,
  isSagaInputError,
  isSagaVersionError,
  isTransactionClosedError,
  isTransactionHijackedError,
  isTransactionTimeoutError,
  isUnexpectedRollbackError,
  LeaseLostError,
  LockUnavailableError,
  PoolDeadlockError,
  PropagationError,
  SagaInputError,
  SagaVersionError,
  TransactionClosedError,
  TransactionHijackedError,
  TransactionTimeoutError,
  UnexpectedRollbackError,
} from './errors.js';
export { TX_CHANNELS, type TxRetriedEvent, type TxSettledEvent } from './channels.js';
export {
  defineSaga,
  local,
  type LocalOptions,
  type Reconciliation,
  remote,
  type RemoteOptions,
  type SagaDefinition,
  type SagaSchema,
  type SagaStep,
  type SchemaIssue,
  type SchemaResult,
  type Step,
  type StepContext,
} from './saga-definition.js';
export { createSagaRunner, type SagaRunner } from './saga-runner.js';
export type { SagaDispatch, SagaRunnerOptions } from './saga-options.js';
export type { SagaErrorInfo, SagaStatus, StepStatus } from './saga-plan.js';
export type { SagaResolution } from './saga-resolve.js';
export type { SagaSnapshot, SagaStepSnapshot } from './saga-snapshot.js';
export type { SagaSettledEvent, SagaStepEvent, SagaStuckEvent } from './saga-channels.js';
export { createOutbox, type Outbox } from './outbox.js';
export { createOutboxRelay, type OutboxRelay, type OutboxRelayOptions } from './relay.js';
export type { OutboxMessage } from './relay-store.js';
export type { OutboxBacklogEvent, OutboxPublishedEvent } from './outbox-channels.js';
export { createInbox, type Inbox } from './inbox.js';
export {
  createIdempotency,
  type Idempotency,
  type IdempotencyClaim,
  type IdempotencyOptions,
  type IdempotentRequest,
} from './idempotency.js';
export {
  createHttpIdempotency,
  type HttpIdempotencyClaim,
  type HttpIdempotencyOptions,
  type HttpIdempotencyOutcome,
  type HttpIdempotentRequest,
  keptBody,
  type KeptHttpResponse,
} from './http-idempotency.js';
export { migrateTx, type TxMigration, txMigrations, txMigrationSource } from './migrate.js';
