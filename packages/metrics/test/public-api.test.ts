import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as core from '../src/index.js';
import * as express from '../src/express.js';
import * as fastify from '../src/fastify.js';
import * as nest from '../src/nest.js';
import * as otel from '../src/otel.js';
import { newMetrics, parse, textOf, valueOf } from './clients.js';

describe('the public API', () => {
  it.each([
    [
      '.',
      core,
      [
        'MetricConflictError',
        'checkMetrics',
        'clusterMetrics',
        'createExpressPage',
        'createExpressRoutes',
        'createMetrics',
        'instrumentCache',
        'instrumentKnex',
        'instrumentQueue',
        'instrumentRedis',
        'instrumentSagas',
        'isMetricConflictError',
        'mountOnAdapter',
        'observeKit',
      ],
    ],
    ['./express', express, ['metricsHandler', 'metricsMiddleware']],
    ['./fastify', fastify, ['metricsPlugin']],
    ['./nest', nest, ['METRICS', 'MetricsModule']],
    ['./otel', otel, ['otelNaming']],
  ] as [string, object, string[]][])('of %s has these names', (_path, module, names) => {
    expect(Object.keys(module).sort()).toEqual(names);
  });

  it('has a subpath in package.json for each entry, and a command', () => {
    const { exports, bin } = JSON.parse(
      readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
    ) as {
      exports: object;
      bin: object;
    };
    expect(Object.keys(exports)).toEqual([
      '.',
      './express',
      './fastify',
      './nest',
      './otel',
      './package.json',
    ]);
    expect(Object.values(bin)).toEqual(['./dist/cli.cjs']);
  });

  it('gives a guard that knows errors of another copy', () => {
    const foreign = Object.assign(new Error('x'), {
      code: 'KIT_METRICS_CONFLICT',
      [Symbol.for('@kit/metrics/error')]: true,
    });
    expect(core.isMetricConflictError(foreign)).toBe(true);
    expect(core.isMetricConflictError(new Error('x'))).toBe(false);
    expect(core.isMetricConflictError(undefined)).toBe(false);
  });
});

describe('names of OpenTelemetry', () => {
  it('are on the page when they are asked for', async () => {
    const { startExpress } = await import('kit-tooling/apps');
    const metrics = newMetrics({ naming: otel.otelNaming });
    const app = await startExpress((app) => {
      app.use(express.metricsMiddleware({ metrics }));
      app.get('/users/:id', (_req, res) => void res.json({}));
    });
    await (await fetch(`${app.url}/users/1`)).text();
    await app.close();
    const text = await textOf(metrics);
    expect(
      valueOf(text, 'http_server_request_duration_seconds_count', {
        http_request_method: 'GET',
        http_route: '/users/:id',
        http_response_status_code: '200',
      }),
    ).toBe(1);
    expect(parse(text).some(({ name }) => name === 'http_requests_total')).toBe(false);
  });
});
