import { describe, expect, it } from 'vitest';
import * as consul from '../src/consul.js';
import * as express from '../src/express.js';
import * as fastify from '../src/fastify.js';
import * as core from '../src/index.js';
import * as nest from '../src/nest.js';

describe('the public names', () => {
  it.each([
    [
      '@kit/health',
      core,
      [
        'HealthError',
        'breakerCheck',
        'createHealth',
        'diskCheck',
        'eventLoopCheck',
        'gracefulShutdown',
        'healthChannels',
        'healthHandler',
        'httpCheck',
        'isHealthError',
        'knexCheck',
        'memoryCheck',
        'outboxCheck',
        'redisCheck',
        'sagaCheck',
        // For adapters, of whom anybody may write the next one.
        'sendAnswer',
      ],
    ],
    ['@kit/health/express', express, ['healthRoutes']],
    ['@kit/health/fastify', fastify, ['healthPlugin']],
    ['@kit/health/nest', nest, ['HEALTH', 'HealthModule']],
    ['@kit/health/consul', consul, ['registerService']],
  ])('of %s are these', (_path, module, names) => {
    expect(Object.keys(module).sort()).toEqual([...names].sort());
  });
});
