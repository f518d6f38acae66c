export { createTransactionManager, type TransactionManager } from './manager.js';
export { createTestTransaction, type TestTransaction } from './test-transaction.js';
export {
  ReadOnly,
  Transactional,
  transactional,
  type AsyncMethod,
  type AsyncMethodDecorator,
  type ManagerChoice,
} from './transactional.js';
export {
  createLock,
  type AcquireOptions,
  type HeldLock,
  type Lock,
  type LockOptions,
  type LockRedis,
} from './lock.js';
export {
  addTxHooks,
  createTxHandler,
  runWithReadYourWrites,
  type TxHookableFastify,
} from './request-context.js';
export type { AdvisoryKey } from './advisory-lock.js';
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
export type { HttpIdempotencyOptions, HttpIdempotentRequest } from './http-idempotency.js';
export { addIdempotencyHooks, type IdempotencyHookable } from './http-idempotency-fastify.js';
export { createIdempotencyHandler } from './http-idempotency-node.js';
export { createIdempotencyWrapper } from './http-idempotency-value.js';
export { migrateTx, type TxMigration, txMigrations, txMigrationSource } from './migrate.js';
