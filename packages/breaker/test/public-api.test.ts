import { describe, expect, it } from 'vitest';
import * as core from '../src/index.js';
import * as express from '../src/express.js';
import * as fastify from '../src/fastify.js';
import * as nest from '../src/nest.js';
import * as redis from '../src/redis.js';

describe('the public API', () => {
  it('of @kit/breaker', () => {
    expect(Object.keys(core).sort()).toEqual([
      'BreakerOpenError',
      'BulkheadFullError',
      'DeadlineExceededError',
      'HttpStatusError',
      'ResponseTooLargeError',
      'TimeoutError',
      'breakerChannels',
      'checkShareOptions',
      'createBallotBox',
      'createBreaker',
      'createBreakerAdmin',
      'createBreakerHost',
      'createBreakerRegistry',
      'createBulkhead',
      'createHttpClient',
      'createPipeline',
      'createRetry',
      'createRetryBudget',
      'createTimeout',
      'fullJitter',
      'getRemainingMs',
      'guardMethod',
      'isBreakerOpenError',
      'isBulkheadFullError',
      'isDeadlineExceededError',
      'isHttpStatusError',
      'isResponseTooLargeError',
      'isTimeoutError',
      'presets',
      'runWithDeadline',
      'toHttpAnswer',
    ]);
  });

  it('of the subpaths', () => {
    expect(Object.keys(express).sort()).toEqual(['breakerErrors', 'breakerRoutes']);
    expect(Object.keys(fastify)).toEqual(['breakerPlugin']);
    expect(Object.keys(nest).sort()).toEqual(['BREAKERS', 'BreakerModule', 'UseBreaker']);
    expect(Object.keys(redis)).toEqual(['createSharedState']);
  });
});
