/** What of a package is mutated, and which of its test files are of no use against a mutant. */
export interface Core {
  /** Files of `packages/<name>/src`, without ".ts". */
  files: readonly string[];
  /** What is left out, and why. */
  leftOut: Readonly<Record<string, string>>;
  /**
   * Test files that run the sources in child processes, where no mutant is active, that stop and start servers, or that
   * need a process of their own: they do not pass a second time, or beside others.
   */
  skippedTests: readonly string[];
  /** The databases that its tests run on. A PostgreSQL is started once for all of them; SQLite runs in the process. */
  engines?: readonly ('sqlite' | 'postgres')[];
}

export const cores: Readonly<Record<string, Core>> = {
  breaker: {
    files: [
      'adaptive',
      'backoff',
      'breaker',
      'bulkhead',
      'deadline',
      'http-retry',
      'open-period',
      'outcome',
      'pipeline',
      'pipeline-parts',
      'pipeline-run',
      'quantile',
      'ramp',
      'retry',
      'retry-budget',
      'retry-hints',
      'timed-call',
      'timeout',
      'timer-queue',
      'trials',
      'trip-rule',
      'window',
    ],
    leftOut: {
      'index, channels, breaker-types, presets': 'exports, types and numbers',
      'express, fastify, nest, admin': 'adapters: run as a whole by one suite for the three frameworks',
      'redis, ballot-box': 'tested with several processes on a real Redis, where no mutant is active',
      'http-client, http-request, http-body, http-error':
        'tested over real sockets; the decisions are in http-retry',
      'validate, breaker-options, errors': 'refusals: a table of wrong inputs in options.test.ts',
      'report, state-report, policy-events, clock': 'a line or two each around a platform call',
    },
    skippedTests: ['memory.test.ts', 'redis.test.ts', 'adapters.test.ts', 'public-api.test.ts'],
  },
  errors: {
    files: [
      'app-error',
      'catalogue',
      'fingerprint',
      'mapping/*',
      'mask',
      'minute-rates',
      'monitor',
      'plain',
      'problem',
      'public-message',
      'quiet-answer',
      'read',
      'to-app-error',
    ],
    leftOut: {
      'index, channels, common-errors, grpc-codes': 'exports, types and tables',
      'express, fastify, nest, respond, send':
        'adapters and what they share: one suite for the three frameworks',
      'errors-to-markdown, errors-to-openapi': 'their output is compared with the generated files',
      'process-errors, monitor-handler, trace-port': 'a line or two each around a platform call',
    },
    skippedTests: [
      'adapters.test.ts',
      'database-errors.test.ts',
      'memory.test.ts',
      'process-errors.test.ts',
      'public-api.test.ts',
      'reference.test.ts',
    ],
  },
  tx: {
    engines: ['sqlite', 'postgres'],
    files: [
      'admission',
      'gate',
      'hooks',
      'idempotency',
      'inbox',
      'lease',
      'outbox',
      'physical',
      'propagation',
      'read-scope',
      'relay',
      'replicas',
      'run',
      'run-inner',
      'run-read',
      'saga-drive',
      'saga-plan',
      'saga-steps',
      'scope',
      'statement',
      'statements',
      'verdict',
    ],
    leftOut: {
      'index, channels, core, engine, knex-port and the like': 'exports and types',
      'express, fastify, nest, http-idempotency*': 'adapters: one suite for the three frameworks',
      'engine-*, relay-listen': 'one file a server, and not every server is started for mutants',
      positions: 'a map',
      'bullmq, redis-streams, lock': 'need a Redis per mutant',
      'options, saga-definition, errors, migrate':
        'refusals and tables: bad-input, options, saga-inputs, migrate tests',
    },
    skippedTests: [
      'adapters.test.ts',
      'connections.test.ts',
      'decorators.test.ts',
      'domain.test.ts',
      'http-idempotency.test.ts',
      'migrate.test.ts',
      'mysql.test.ts',
      'outbox-notes.test.ts',
      'public-api.test.ts',
      'redis.test.ts',
      'replicas.test.ts',
      'saga-outage.test.ts',
    ],
  },
};
