import { describe, expect, it } from 'vitest';
import * as express from '../src/express.js';
import * as fastify from '../src/fastify.js';
import * as index from '../src/index.js';
import * as nest from '../src/nest.js';
import * as otel from '../src/otel.js';

// What the adapters take from the core. Not documented, and not for users.
const internal = ['addTraceHooks', 'createTraceHandler', 'setActiveSpanSource'];

describe('the public names', () => {
  it.each([
    [
      'the root',
      index,
      [
        ...internal,
        'bindEmitter',
        'bindTrace',
        'createAuditLog',
        'createLogger',
        'createMasker',
        'extractTrace',
        'getLogger',
        'getTrace',
        'getTraceId',
        'injectTrace',
        'runWithTrace',
        'setTraceFields',
        'traceMixin',
        'traceRequestHeaders',
        'traceResponseHeaders',
        'tracedFetch',
        'verifyAuditLog',
      ],
    ],
    ['/express', express, ['traceMiddleware']],
    ['/fastify', fastify, ['tracePlugin']],
    ['/nest', nest, ['TRACE_OPTIONS', 'TraceModule']],
    ['/otel', otel, ['otelBridge']],
  ])('of %s', (_, module, names) => {
    expect(Object.keys(module).sort()).toEqual([...names].sort());
  });
});
