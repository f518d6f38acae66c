import { afterEach, describe, expect, it } from 'vitest';
import { clients, newMetrics, parse, textOf, valueOf } from './clients.js';
import { OPENMETRICS, serve, type Served } from './page-of.js';

// What both clients get wrong on their own; each was reproduced with them before it was written down here.
describe.each(clients)('defects of %s that do not come through', (_name, client) => {
  let served: Served | undefined;
  afterEach(() => served?.close());

  it('a text scrape after an OpenMetrics scrape still says foo_total', async () => {
    const registry = new client.Registry();
    new client.Counter({ name: 'theirs_total', help: 'T', registers: [registry] }).inc();
    const metrics = newMetrics({ client, registry });
    metrics.counter('ours_total', { help: 'O' }).inc();
    served = await serve(metrics);
    const names = (text: string) => parse(text).map((sample) => sample.name);
    const first = names((await served.get()).text);
    const openMetrics = (await served.get(OPENMETRICS)).text;
    expect(names(openMetrics)).toEqual(first);
    expect(openMetrics).toContain('# TYPE ours counter');
    expect(names((await served.get()).text)).toEqual(first);
    expect(first).toEqual(expect.arrayContaining(['ours_total', 'theirs_total']));

    // Even when somebody lets the client itself write OpenMetrics from the same registry.
    registry.setContentType(client.Registry.OPENMETRICS_CONTENT_TYPE as never);
    const own = await registry.metrics();
    expect(names(own)).toEqual(expect.arrayContaining(['ours_total', 'theirs_total']));
    registry.setContentType(client.Registry.PROMETHEUS_CONTENT_TYPE);
    expect(names((await served.get()).text)).toEqual(first);
    expect(names(await registry.metrics())).toContain('ours_total');
  });

  it('inc(5) of a child keeps its labels and its amount with exemplars on', async () => {
    const metrics = newMetrics({ client, exemplars: true });
    metrics
      .counter('a_total', { help: 'A', labels: ['x'] })
      .child('1')
      .inc(5);
    expect(valueOf(await textOf(metrics), 'a_total', { x: '1' })).toBe(5);
  });

  it('a label object that is reused and changed makes no duplicate series', async () => {
    const metrics = newMetrics({ client });
    const counter = metrics.counter('a_total', { help: 'A', labels: ['x'] });
    const labels = { x: 'one' };
    counter.inc(labels);
    labels.x = 'two';
    counter.inc(labels);
    labels.x = 'three';
    const text = await textOf(metrics);
    expect(valueOf(text, 'a_total', { x: 'one' })).toBe(1);
    expect(valueOf(text, 'a_total', { x: 'two' })).toBe(1);
    expect(text).not.toContain('three');
  });

  it("the duplicates that such an object makes in the user's own metrics are shown once", async () => {
    const registry = new client.Registry();
    const theirs = new client.Counter({
      name: 'theirs_total',
      help: 'T',
      labelNames: ['x'],
      registers: [registry],
    });
    const labels = { x: 'one' };
    theirs.inc(labels);
    labels.x = 'two';
    theirs.inc(labels);
    served = await serve(newMetrics({ client, registry }));
    expect(parse((await served.get()).text).filter((s) => s.name === 'theirs_total')).toHaveLength(1);
  });

  it('undefined and null are no label value "undefined"', async () => {
    const registry = new client.Registry();
    const theirs = new client.Counter({
      name: 'theirs_total',
      help: 'T',
      labelNames: ['x'],
      registers: [registry],
    });
    theirs.inc({ x: undefined });
    const metrics = newMetrics({ client, registry });
    const counter = metrics.counter('a_total', { help: 'A', labels: ['x', 'y'] });
    counter.inc({ x: undefined, y: null });
    counter.child(undefined, null).inc();
    counter.inc({ x: '' } as never);
    served = await serve(metrics);
    const { text } = await served.get();
    expect(text).not.toMatch(/"(undefined|null)"/);
    expect(valueOf(text, 'a_total', { x: '', y: '' })).toBe(3);
  });

  it('label sets with separators in them stay apart', async () => {
    const metrics = newMetrics({ client });
    const counter = metrics.counter('a_total', { help: 'A', labels: ['a', 'b'] });
    const sets: [string, string][] = [
      ['x:1,b:2', ''],
      ['x', '1,b:2'],
      ['x:1', 'b:2'],
      ['x|', ''],
      ['x', '|'],
      ['', 'x|'],
      ['x",b="', ''],
      ['x', '",b="'],
    ];
    for (const [i, set] of sets.entries()) counter.child(...set).inc(i + 1);
    const text = await textOf(metrics);
    expect(
      parse(text)
        .filter((s) => s.name === 'a_total')
        .map((s) => s.value),
    ).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('label values that have no text, and things that are no metric, cost no page', async () => {
    const registry = new client.Registry();
    const odd = (name: string, family: unknown) =>
      registry.registerMetric({ name, get: async () => family } as never);
    const values: unknown[] = [['a"b'], Object.create(null), Symbol('s'), { toString: () => process.exit }];
    odd('theirs_odd', {
      name: 'theirs_odd',
      help: 5,
      type: 'gauge',
      values: values.map((x, i) => ({ value: i, labels: { i, x } })),
    });
    odd('theirs_nothing', undefined);
    odd('theirs_hole', { name: 'theirs_hole', values: [null] });
    odd('theirs_text', { name: 'theirs_text', values: 'many' });
    const metrics = newMetrics({ client, registry, logger: { info() {}, error() {}, warn() {} } });
    metrics.counter('ours_total', { help: 'O' }).inc(3);
    served = await serve(metrics);
    for (const accept of [{}, OPENMETRICS]) {
      const { status, text } = await served.get(accept);
      expect(status).toBe(200);
      expect(valueOf(text, 'ours_total')).toBe(3);
      expect(valueOf(text, 'theirs_odd', { x: 'a\\"b' })).toBe(0);
      expect(parse(text).filter((s) => s.name === 'theirs_odd')).toHaveLength(values.length);
      expect(text).not.toMatch(/^theirs_(nothing|hole|text)/m);
    }
  });

  it('an error that is another one each time is one line, and a short one', async () => {
    const warnings: string[] = [];
    const metrics = newMetrics({
      client,
      logger: { info() {}, error() {}, warn: (message) => void warnings.push(message) },
    });
    let n = 0;
    metrics.gauge('fails', {
      help: 'F',
      collect: () => Promise.reject(new Error(`${(n += 1)}\n[evil] line ${'x'.repeat(5_000)}`)),
    });
    metrics.gauge('fails_oddly', { help: 'F', collect: () => Promise.reject(Object.create(null)) });
    served = await serve(metrics);
    for (let i = 0; i < 3; i += 1) expect((await served.get()).status).toBe(200);
    expect(warnings).toHaveLength(2);
    for (const line of warnings) {
      expect(line).not.toContain('\n');
      expect(line.length).toBeLessThan(500);
    }
  });

  it('a collect that throws or hangs costs its own metric and nothing else', async () => {
    const registry = new client.Registry();
    const gauge = (name: string, collect: () => unknown) =>
      new client.Gauge({ name, help: name, registers: [registry], collect: collect as never });
    gauge('theirs_throws', () => {
      throw new Error('no');
    });
    let hanging = 0;
    gauge('theirs_hangs', () => {
      hanging += 1;
      return new Promise(() => {});
    });
    gauge('theirs_works', () => {});
    const warnings: string[] = [];
    const metrics = newMetrics({
      client,
      registry,
      logger: { info() {}, error() {}, warn: (message) => void warnings.push(message) },
    });
    metrics.gauge('ours_throws', { help: 'O', collect: () => Promise.reject(new Error('no')) });
    metrics.gauge('ours_hangs', { help: 'O', collect: () => new Promise(() => {}) });
    metrics.gauge('ours_works', { help: 'O', collect: (gauge) => gauge.set(7) });
    served = await serve(metrics, { collectTimeoutMs: 50 });
    for (let i = 0; i < 3; i += 1) {
      const { status, text, ms } = await served.get();
      expect(status).toBe(200);
      expect(ms).toBeLessThan(30_000);
      expect(valueOf(text, 'ours_works')).toBe(7);
      expect(valueOf(text, 'theirs_works')).toBe(0);
      expect(text).not.toMatch(/^(ours|theirs)_(throws|hangs)/m);
    }
    // The one that hangs was not started again on top of itself, and each was reported once.
    expect(hanging).toBe(1);
    expect(warnings).toHaveLength(4);
    expect(
      valueOf((await served.get()).text, 'kit_metrics_collect_failures_total', { metric: 'ours_hangs' }),
    ).toBe(4);
  });
});
