import { runChild } from 'kit-tooling/process';
import { describe, expect, it } from 'vitest';
import promClient from 'prom-client';
import { aggregate, keepSums } from '../src/aggregate.js';
import { foreignLines } from '../src/exposition.js';
import { clusterMetrics } from '../src/index.js';
import { newMetrics, valueOf } from './clients.js';
import { OPENMETRICS } from './page-of.js';

describe('clusterMetrics', () => {
  it.each(['prom-client', '@prometheus-io/client'])(
    'adds up the primary and its workers, and keeps what a killed worker had counted, with %s',
    async (name) => {
      const child = runChild(new URL('./fixtures/cluster-service.ts', import.meta.url), {
        ipc: true,
        env: { METRICS_CLIENT: name },
      });
      const url = `http://127.0.0.1:${/port (\d+)/.exec(await child.waitFor(/port \d+/))![1]}/metrics`;
      const page = async (headers = {}) => (await fetch(url, { headers })).text();

      const text = await page();
      expect(valueOf(text, 'served_total', { by: 'worker' })).toBe(20);
      expect(valueOf(text, 'served_total', { by: 'primary' })).toBe(1);
      expect(valueOf(text, 'waits_seconds_bucket', { le: '1' })).toBe(2);
      expect(valueOf(text, 'waits_seconds_count')).toBe(2);
      expect(valueOf(text, 'level')).toBe(2);
      expect(valueOf(text, 'theirs_total')).toBe(3);
      expect(await page(OPENMETRICS)).toMatch(/# TYPE served counter[^]*# EOF\n$/);

      child.process.send('ask and kill');
      // Counted once: among the ended or among the living.
      await child.waitFor('together 20');
      await child.waitFor('worker gone');
      const later = await page();
      expect(valueOf(later, 'served_total', { by: 'worker' })).toBe(20);
      expect(valueOf(later, 'waits_seconds_count')).toBe(2);
      expect(valueOf(later, 'theirs_total')).toBe(3);
      // The last worker dies between the question and the answer.
      child.process.send('kill and ask');
      await child.waitFor('asked true');
      expect(valueOf(await page(), 'served_total', { by: 'worker' })).toBe(20);
      child.process.send('end');
      await child.exited;
    },
  );

  it('shows one process alone, and forgets metrics that were closed', async () => {
    const metrics = newMetrics();
    metrics.counter('alone_total', { help: 'A' }).inc(3);
    const all = clusterMetrics();
    expect(valueOf(await all.metrics(), 'alone_total')).toBe(3);
    metrics.close();
    expect(valueOf(await all.metrics(), 'alone_total')).toBeUndefined();
    all.close();
  });

  it('counts a registry once that two createMetrics share, and keeps its default labels', async () => {
    const registry = new promClient.Registry();
    registry.setDefaultLabels({ zone: 'a' });
    new promClient.Counter({ name: 'theirs_total', help: 'T', registers: [registry] }).inc(2);
    const two = [newMetrics({ registry }), newMetrics({ registry, defaultLabels: { service: 'shop' } })];
    two[0]!.counter('ours_total', { help: 'O' }).inc(3);
    const all = clusterMetrics();
    const text = await all.metrics();
    expect(valueOf(text, 'theirs_total', { zone: 'a', service: 'shop' })).toBe(2);
    expect(valueOf(text, 'ours_total', { zone: 'a', service: 'shop' })).toBe(3);
    for (const metrics of two) metrics.close();
    all.close();
  });

  it('shows a gauge that is not a number as NaN, whatever way it came', async () => {
    const metrics = newMetrics();
    metrics.gauge('unknown', { help: 'U' }).set(NaN);
    metrics.gauge('endless', { help: 'E' }).set(-Infinity);
    const all = clusterMetrics();
    const text = await all.metrics();
    expect(text).toContain('\nunknown NaN\n');
    expect(text).toContain('\nendless -Inf\n');
    // cluster sends JSON, which has no NaN.
    const sent = JSON.parse(JSON.stringify({ name: 'g', type: 'gauge', values: [{ value: NaN }] })) as never;
    expect([...foreignLines(sent, 'text', {})].map(({ text }) => text).join('')).toContain('\ng NaN\n');
    metrics.close();
    all.close();
  });

  it('refuses options that are none', () => {
    expect(() => clusterMetrics(null as never)).toThrow('options must be an object, got null');
  });

  it.each([0, -1, 1.5, '1'])('refuses a workerTimeoutMs of %s', (workerTimeoutMs) => {
    expect(() => clusterMetrics({ workerTimeoutMs: workerTimeoutMs as number })).toThrow(
      /workerTimeoutMs must be/,
    );
  });
});

describe('aggregate', () => {
  const gauge = (aggregator: string, value: number) => [
    { name: 'g', help: 'G', type: 'gauge', aggregator, values: [{ value, labels: { a: '1' } }] },
  ];
  it.each([
    ['sum', 6],
    ['max', 4],
    ['min', 2],
    ['average', 3],
    ['first', 2],
  ])('joins by %s', (aggregator, expected) => {
    const [joined] = aggregate([gauge(aggregator, 2), gauge(aggregator, 4)]);
    expect(joined!.values).toEqual([{ value: expected, labels: { a: '1' } }]);
  });

  it('keeps the newest exemplar, and none where nobody has one', () => {
    const buckets = (...exemplars: object[]) =>
      exemplars.map((exemplar) => [
        {
          name: 'h',
          type: 'histogram',
          values: [{ metricName: 'h_bucket', labels: { le: 1 }, value: 1, ...exemplar }],
        },
      ]);
    const at = (timestamp: number) => ({ exemplar: { value: 0.5, timestamp } });
    expect(aggregate(buckets({}, at(2), at(1)))[0]!.values).toMatchObject([{ value: 3, ...at(2) }]);
    expect(aggregate(buckets({}, {}))[0]!.values![0]!.exemplar).toBeUndefined();
  });

  it('keeps of a process that ended what a summary counted, and no quantile', () => {
    const values = ['s', 's_sum', 's_count'].map((metricName) => ({
      ...(metricName === 's' ? { labels: { quantile: 0.5 } } : { metricName }),
      value: 4,
    }));
    const kept = keepSums([
      { name: 's', type: 'summary', values },
      { name: 'g', type: 'gauge', values: [{ value: 1 }] },
    ]);
    expect(kept).toEqual([{ name: 's', type: 'summary', values: values.slice(1) }]);
  });

  it('leaves out what the client says to omit', () => {
    expect(aggregate([gauge('omit', 1)])).toEqual([]);
  });
});
