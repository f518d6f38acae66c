import { describe, expect, it } from 'vitest';
import * as express from '../src/express.js';
import * as fastify from '../src/fastify.js';
import * as core from '../src/index.js';
import * as nest from '../src/nest.js';

describe('public API', () => {
  it.each([
    [
      '.',
      core,
      [
        'AppError',
        'captureProcessErrors',
        'commonErrors',
        'createErrorMonitor',
        'createErrorResponder',
        'createMonitorAnswers',
        'createRequestErrorHandler',
        'defineErrors',
        'errorsToMarkdown',
        'errorsToOpenApi',
        'fromClassValidator',
        'isAppError',
        'nodeContext',
        'raisedChannelName',
        'sendAnswer',
        'successEnvelope',
        'toAppError',
        'toGrpcStatus',
        'toProblem',
      ],
    ],
    ['./express', express, ['errorsMiddleware', 'monitorHandler', 'notFoundMiddleware']],
    ['./fastify', fastify, ['errorsPlugin', 'monitorHandler']],
    ['./nest', nest, ['ERRORS_OPTIONS', 'ErrorsModule', 'monitorHandler', 'validationExceptionFactory']],
  ])('of %s is what it was', (_subpath, module, names) => {
    expect(Object.keys(module).sort()).toEqual(names);
  });
});
