import { EventEmitter } from 'node:events';
import fastify from 'fastify';
import promClient from 'prom-client';
import { describe, expect, it } from 'vitest';
import {
  createMetrics,
  instrumentCache,
  instrumentKnex,
  instrumentQueue,
  instrumentRedis,
  instrumentSagas,
  type MetricsOptions,
  observeKit,
} from '../src/index.js';
import { metricsHandler, metricsMiddleware } from '../src/express.js';
import { metricsPlugin } from '../src/fastify.js';
import { newMetrics, parse, textOf } from './clients.js';

describe('createMetrics with wrong options', () => {
  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /options must be an object/],
    ['no client', {}, /client must be the module/],
    ['a client that is none', { client: { Registry: 1 } }, /client must be/],
    ['a client that is a string', { client: 'prom-client' }, /client must be/],
    ['a registry that is none', { client: promClient, registry: {} }, /registry must be/],
    ['no buckets', { client: promClient, buckets: [] }, /buckets must be 'default' or an array of 1 to 200/],
    ['buckets of another name', { client: promClient, buckets: 'wide' }, /buckets must be/],
    ['unsorted buckets', { client: promClient, buckets: [1, 3, 2] }, /buckets must be ascending/],
    ['repeated buckets', { client: promClient, buckets: [1, 1] }, /buckets must be ascending/],
    ['endless buckets', { client: promClient, buckets: [1, Infinity] }, /buckets must be finite/],
    ['a bucket that is text', { client: promClient, buckets: ['1'] }, /buckets must be finite/],
    ['a ceiling of 0', { client: promClient, maxSeriesPerMetric: 0 }, /maxSeriesPerMetric must be .* got 0/],
    [
      'a broken ceiling',
      { client: promClient, maxSeriesPerMetric: 1.5 },
      /maxSeriesPerMetric must be a whole/,
    ],
    ['a ceiling that is NaN', { client: promClient, maxSeriesPerMetric: NaN }, /maxSeriesPerMetric/],
    ['a ceiling that is null', { client: promClient, maxSeriesPerMetric: null }, /maxSeriesPerMetric/],
    [
      'exemplars by word',
      { client: promClient, exemplars: 'no' },
      /exemplars must be true or false, got 'no'/,
    ],
    [
      'default metrics by number',
      { client: promClient, defaultMetrics: 0 },
      /defaultMetrics must be true or/,
    ],
    [
      'a logger that logs nothing',
      { client: promClient, logger: {} },
      /logger must have info, warn and error/,
    ],
    ['a clock that stands', { client: promClient, now: 1 }, /now must be a function, got 1/],
    ['no names', { client: promClient, naming: {} }, /naming must be the names/],
    ['a registry that is null', { client: promClient, registry: null }, /registry must be a Registry/],
    ['a clock that is null', { client: promClient, now: null }, /now must be a function/],
    ['a prefix with a dash', { client: promClient, prefix: 'my-' }, /prefix must match/],
    ['a default label le', { client: promClient, defaultLabels: { le: '1' } }, /"le"/],
    [
      'a default label that is illegal',
      { client: promClient, defaultLabels: { 'a-b': '1' } },
      /labels must match/,
    ],
    [
      'a default label that is an object',
      { client: promClient, defaultLabels: { a: {} } },
      /label "a" must be/,
    ],
    ['default labels that are a list', { client: promClient, defaultLabels: [] }, /defaultLabels must be/],
  ])('%s', (_name, options, message) => {
    expect(() => createMetrics(options as MetricsOptions)).toThrow(message);
    let error: unknown;
    try {
      createMetrics(options as MetricsOptions);
    } catch (caught) {
      error = caught;
    }
    expect(['TypeError', 'RangeError']).toContain((error as Error).name);
  });
});

describe('instruments with wrong names', () => {
  const metrics = newMetrics();
  it.each<[string, () => unknown, RegExp]>([
    ['a name with a dash', () => metrics.counter('a-b', { help: 'A' }), /name must match/],
    ['a name that begins with a digit', () => metrics.gauge('1a', { help: 'A' }), /name must match/],
    ['no name', () => metrics.gauge('', { help: 'A' }), /name must match/],
    ['a name that is none', () => metrics.gauge(undefined as never, { help: 'A' }), /name must match/],
    ['a name of a megabyte', () => metrics.gauge('a'.repeat(1e6), { help: 'A' }), /at most 200 characters/],
    ['an illegal label', () => metrics.counter('a1', { help: 'A', labels: ['a-b'] }), /labels must match/],
    ['a reserved label', () => metrics.counter('a2', { help: 'A', labels: ['__x'] }), /"__"/],
    ['a repeated label', () => metrics.counter('a3', { help: 'A', labels: ['x', 'x'] }), /"x" twice/],
    ['le on a histogram', () => metrics.histogram('a4', { help: 'A', labels: ['le'] }), /"le"/],
    [
      'labels that are no list',
      () => metrics.counter('a5', { help: 'A', labels: 'x' as never }),
      /must be an array/,
    ],
    ['unsorted buckets', () => metrics.histogram('a6', { help: 'A', buckets: [2, 1] }), /ascending/],
    // Each of these was found out at the first scrape, and some took the page with them.
    [
      'a help that is no text',
      () => metrics.counter('a7', { help: 5 as never }),
      /help must be a string, got 5/,
    ],
    [
      'an aggregate that does not exist',
      () => metrics.gauge('a8', { help: 'A', aggregate: 'median' as never }),
      /aggregate must be one of sum, max, min, average, first, got 'median'/,
    ],
    [
      'a collect that is none',
      () => metrics.gauge('a9', { help: 'A', collect: 1 as never }),
      /collect must be a function/,
    ],
    [
      'an onScrape without a function',
      () => metrics.onScrape('a', 1 as never),
      /onScrape must be a function/,
    ],
    [
      'an onScrape whose name is no text',
      () => metrics.onScrape({} as never, () => {}),
      /name of onScrape must be a non-empty string, got \{\}/,
    ],
  ])('%s', (_name, make, message) => {
    expect(make).toThrow(message);
  });
});

describe('instruments with wrong values', () => {
  const metrics = newMetrics();
  const counter = metrics.counter('c_total', { help: 'C', labels: ['x'] });
  const gauge = metrics.gauge('g', { help: 'G' });
  const histogram = metrics.histogram('h', { help: 'H' });

  it.each<[string, () => unknown, RegExp]>([
    ['a negative increment', () => counter.inc({ x: 1 }, -1), /finite number >= 0, got -1/],
    ['an increment by NaN', () => counter.child(1).inc(NaN), /got NaN/],
    ['an endless increment', () => counter.child(1).inc(Infinity), /got Infinity/],
    ['an increment by text', () => counter.child(1).inc('many' as never), /got 'many'/],
    // It was appended: two increments by '5' made 55.
    ['an increment by a number in text', () => counter.child(1).inc('5' as never), /got '5'/],
    ['an increment by null', () => counter.inc({ x: 1 }, null as never), /got null/],
    ['an increment by true', () => counter.child(1).inc(true as never), /got true/],
    ['an observation of NaN', () => histogram.observe(NaN), /finite number, got NaN/],
    ['an observation of nothing', () => histogram.observe(undefined as never), /got undefined/],
    ['a gauge set to text', () => gauge.set('1' as never), /must be a number/],
    ['a gauge raised by text', () => gauge.inc('1' as never), /must be a number/],
    ['a gauge lowered by null', () => gauge.dec(null as never), /must be a number/],
    ['an unknown label', () => counter.inc({ y: 1 } as never), /unknown label "y"; the labels are x/],
    ['a label that is an object', () => counter.inc({ x: {} as never }), /label "x" must be a string/],
    ['a label that is a symbol', () => counter.child(Symbol('s') as never).inc(), /label "x" must be/],
    ['a label that is a function', () => counter.child((() => 1) as never).inc(), /label "x" must be/],
    [
      'too few values',
      () => (counter as { child(...values: unknown[]): unknown }).child(),
      /expected 1 label values/,
    ],
    ['too many values', () => (counter as { child(...values: unknown[]): unknown }).child(1, 2), /got 2/],
  ])('%s', (_name, use, message) => {
    expect(use).toThrow(message);
  });

  it('changed nothing by all of that, and the page can still be read', async () => {
    const text = await textOf(metrics);
    expect(parse(text).filter((s) => s.name.startsWith('c_') && s.value !== 0)).toEqual([]);
    expect(text).not.toContain('[object');
  });

  it('writes hostile label values so that a scraper reads them back', async () => {
    const own = newMetrics();
    const values = ['"', '\\', '\n', '\\n', 'a"} 1\nevil_total 9', '\uD800', '{}', ''];
    const hostile = own.counter('hostile_total', { help: 'new\nline and \\', labels: ['x'] });
    for (const value of values) hostile.inc({ x: value });
    const text = await textOf(own);
    expect(parse(text).filter((s) => s.name === 'hostile_total')).toHaveLength(values.length);
    expect(parse(text).some((s) => s.name === 'evil_total')).toBe(false);
  });
});

describe('a handler with wrong options', () => {
  const metrics = newMetrics();
  it.each<[string, object, RegExp]>([
    ['a negative cache', { cacheMs: -1 }, /cacheMs must be a number from 0/],
    ['a cache that is text', { cacheMs: '1' }, /cacheMs/],
    ['no time to collect', { collectTimeoutMs: 0 }, /collectTimeoutMs must be a number from 1/],
    ['an authorize that is none', { authorize: true }, /authorize must be a function .* got true/],
  ])('%s', (_name, options, message) => {
    expect(() => metrics.handler(options as never)).toThrow(message);
  });
});

describe('what takes metrics and something to measure, given something else', () => {
  const metrics = newMetrics();
  const emitter = new EventEmitter();
  it.each<[string, () => unknown, RegExp]>([
    [
      'observeKit of nothing',
      () => observeKit(undefined as never),
      /metrics must be what createMetrics gives/,
    ],
    [
      'observeKit of a client',
      () => observeKit(promClient as never),
      /metrics must be what createMetrics gives/,
    ],
    ['instrumentKnex of nothing', () => instrumentKnex(metrics, undefined as never), /knex must have on\(\)/],
    ['a negative slowMs', () => instrumentKnex(metrics, emitter as never, { slowMs: -1 }), /slowMs must be/],
    [
      'instrumentRedis without INFO',
      () => instrumentRedis(metrics, emitter as never),
      /redis must have info\(\)/,
    ],
    [
      'an infoTimeoutMs of 0',
      () =>
        instrumentRedis(metrics, Object.assign(new EventEmitter(), { info: async () => '' }), {
          infoTimeoutMs: 0,
        }),
      /infoTimeoutMs must be/,
    ],
    [
      'instrumentCache of a Map',
      () => instrumentCache(metrics, new Map() as never),
      /cache must have on\(\)/,
    ],
    [
      'instrumentCache with a name that is none',
      () => instrumentCache(metrics, emitter, { name: {} as never }),
      /name must be a string/,
    ],
    ['instrumentQueue of a name', () => instrumentQueue(metrics, 'mail' as never), /queue must have a name/],
    ['instrumentSagas of nothing', () => instrumentSagas(metrics, null as never), /sagas must have list\(\)/],
    ['metricsMiddleware of nothing', () => metricsMiddleware(undefined as never), /metrics must be/],
    [
      'metricsMiddleware with a path that is none',
      () => metricsMiddleware({ metrics: newMetrics(), path: 'metrics' }),
      /path must be a string that starts with \/, got/,
    ],
    ['metricsHandler of nothing', () => metricsHandler({} as never), /metrics must be/],
  ])('%s', (_name, use, message) => {
    expect(use).toThrow(message);
  });

  it('metricsPlugin without metrics fails the start of the app', async () => {
    const app = fastify();
    void app.register(metricsPlugin, {} as never);
    await expect(app.ready().then(() => {})).rejects.toThrow(/metrics must be what createMetrics gives/);
  });
});
