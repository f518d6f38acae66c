import { describe, expect, it } from 'vitest';
import * as bullmq from '../src/bullmq.js';
import * as express from '../src/express.js';
import * as fastify from '../src/fastify.js';
import * as core from '../src/index.js';
import * as nest from '../src/nest.js';
import * as redisStreams from '../src/redis-streams.js';

const guards = core as unknown as Record<string, unknown>;

describe('the public names', () => {
  it.each([
    [
      '@kit/tx',
      core,
      [
        'AfterCommitError',
        'CommitOutcomeUnknownError',
        'DanglingQueryError',
        'DomainViolationError',
        'IdempotencyInProgressError',
        'IdempotencyKeyError',
        'IdempotencyMismatchError',
        'LeaseLostError',
        'LockUnavailableError',
        'PoolDeadlockError',
        'PropagationError',
        'ReadOnly',
        'SagaInputError',
        'SagaVersionError',
        'TX_CHANNELS',
        'TransactionClosedError',
        'TransactionHijackedError',
        'TransactionTimeoutError',
        'Transactional',
        'UnexpectedRollbackError',
        'addIdempotencyHooks',
        'addTxHooks',
        'createIdempotency',
        'createIdempotencyHandler',
        'createIdempotencyWrapper',
        'createInbox',
        'createLock',
        'createOutbox',
        'createOutboxRelay',
        'createSagaRunner',
        'createTestTransaction',
        'createTransactionManager',
        'createTxHandler',
        'defineSaga',
        'local',
        'migrateTx',
        'remote',
        'runWithReadYourWrites',
        'transactional',
        'txMigrationSource',
        'txMigrations',
      ],
    ],
    ['@kit/tx/express', express, ['idempotencyMiddleware', 'txMiddleware']],
    ['@kit/tx/fastify', fastify, ['idempotencyPlugin', 'txPlugin']],
    [
      '@kit/tx/nest',
      nest,
      [
        'IDEMPOTENCY_OPTIONS',
        'IdempotencyInterceptor',
        'IdempotencyModule',
        'ReadOnly',
        'TX_MANAGER',
        'Transactional',
        'TxModule',
      ],
    ],
    ['@kit/tx/bullmq', bullmq, ['createBullmqDispatch', 'createBullmqPublisher']],
    ['@kit/tx/redis-streams', redisStreams, ['createRedisStreamsPublisher']],
  ])('of %s are these, and a guard for each error', (_path, module, names) => {
    const errors = names.filter((name) => /^[A-Z]\w*Error$/.test(name)).map((name) => `is${name}`);
    expect(Object.keys(module).toSorted()).toEqual([...names, ...errors].toSorted());
    for (const guard of errors) expect(guards[guard]).toBeTypeOf('function');
  });
});
