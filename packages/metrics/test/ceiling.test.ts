import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { startExpress, startFastify } from 'kit-tooling/apps';
import { createGuard } from '../src/collectors.js';
import { metricsMiddleware } from '../src/express.js';
import { metricsPlugin } from '../src/fastify.js';
import { newMetrics, parse, textOf, valueOf } from './clients.js';

// vitest starts its workers without --expose-gc.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const recorder = () => {
  const lines: string[] = [];
  return { lines, logger: { info() {}, error() {}, warn: (line: string) => void lines.push(line) } };
};

/** So many requests to paths nobody has, pipelined on one connection. */
function flood(url: string, requests: number): Promise<void> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let sent = 0;
  let answered = 0;
  const send = () => {
    let batch = '';
    for (let i = 0; i < 200 && sent < requests; i += 1, sent += 1) {
      batch += `GET /r/${Math.random().toString(36).slice(2)} HTTP/1.1\r\nhost: x\r\n\r\n`;
    }
    socket.write(batch);
  };
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      const before = answered;
      // The body of a 404 ends so, and nothing else does.
      answered += chunk.split('"statusCode":404').length - 1;
      if (answered >= requests) {
        socket.destroy();
        resolve();
      } else if (Math.floor(answered / 200) > Math.floor(before / 200)) send();
    });
    send();
    send();
  });
}

describe('the series ceiling', () => {
  it('sends new label sets to __overflow__, counts them and logs one line', async () => {
    const { lines, logger } = recorder();
    const metrics = newMetrics({ maxSeriesPerMetric: 3, logger });
    const counter = metrics.counter('a_total', { help: 'A', labels: ['x', 'y'] });
    for (let i = 0; i < 10; i += 1) counter.inc({ x: i, y: 'same' });
    counter.inc({ x: 1, y: 'same' });
    const text = await textOf(metrics);
    expect(parse(text).filter((s) => s.name === 'a_total')).toHaveLength(4);
    expect(valueOf(text, 'a_total', { x: '__overflow__', y: '__overflow__' })).toBe(7);
    expect(valueOf(text, 'a_total', { x: '1' })).toBe(2);
    expect(valueOf(text, 'kit_metrics_series_dropped_total', { metric: 'a_total' })).toBe(7);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('a_total');
  });

  it('holds for gauges and histograms, and a series named __overflow__ is that series', async () => {
    const metrics = newMetrics({ maxSeriesPerMetric: 2, logger: recorder().logger });
    const gauge = metrics.gauge('g', { help: 'G', labels: ['x'] });
    const histogram = metrics.histogram('h', { help: 'H', labels: ['x'], buckets: [1] });
    gauge.set({ x: '__overflow__' }, 1);
    for (let i = 0; i < 5; i += 1) {
      gauge.set({ x: i }, i);
      histogram.observe({ x: i }, i);
    }
    const text = await textOf(metrics);
    expect(parse(text).filter((s) => s.name === 'g')).toHaveLength(3);
    expect(parse(text).filter((s) => s.name === 'h_count')).toHaveLength(3);
    expect(valueOf(text, 'h_count', { x: '__overflow__' })).toBe(3);
  });

  it('keeps the heap flat under 100,000 random label values of any length', async () => {
    const metrics = newMetrics({ logger: recorder().logger });
    const counter = metrics.counter('a_total', { help: 'A', labels: ['url'] });
    const flood = (count: number, from: number) => {
      for (let i = 0; i < count; i += 1) counter.inc({ url: `/random/${from + i}/${'x'.repeat(i % 500)}` });
    };
    flood(20_000, 0);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    flood(100_000, 20_000);
    collectGarbage();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4 * 1024 * 1024);
    expect(parse(await textOf(metrics)).filter((s) => s.name === 'a_total')).toHaveLength(2_001);
  });

  it.each(['express', 'fastify'])(
    'sees 100,000 random URLs of %s as one series, in a flat heap',
    async (framework) => {
      const metrics = newMetrics();
      const app =
        framework === 'fastify'
          ? await startFastify(async (fastify) => await fastify.register(metricsPlugin, { metrics }))
          : await startExpress((express) => {
              express.use(metricsMiddleware({ metrics }));
              express.use((_req, res) => void res.status(404).json({ statusCode: 404 }));
            });
      try {
        await flood(app.url, 10_000);
        collectGarbage();
        const before = process.memoryUsage().heapUsed;
        await flood(app.url, 90_000);
        collectGarbage();
        expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * 1024 * 1024);
        const series = parse(await textOf(metrics)).filter((s) => s.name === 'http_requests_total');
        expect(series).toHaveLength(1);
        expect(series[0]!.value).toBe(100_000);
      } finally {
        await app.close();
      }
    },
  );

  it('keeps the heap flat while a collect hangs for days of scrapes', async () => {
    const guard = createGuard();
    const hangs = () => new Promise(() => {});
    const scrape = (times: number) =>
      Promise.all(Array.from({ length: times }, () => guard.attempt(hangs, hangs, 1)));
    await scrape(1_000);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 20; i += 1) await scrape(1_000);
    collectGarbage();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(2 * 1024 * 1024);
  });

  it('keeps no megabyte alive for the sake of a piece of it', () => {
    const metrics = newMetrics();
    const counter = metrics.counter('a_total', { help: 'A', labels: ['x', 'y'] });
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 200; i += 1) {
      const whole = `${i} ${'x'.repeat(1_000_000)}`;
      counter.inc({ x: whole, y: whole.slice(0, 40) });
    }
    collectGarbage();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * 1024 * 1024);
  });

  it('cuts label values of a megabyte', async () => {
    const metrics = newMetrics();
    const counter = metrics.counter('a_total', { help: 'A', labels: ['x'] });
    counter.inc({ x: 'é'.repeat(1_000_000) });
    counter.inc({ x: '\u{1F600}'.repeat(1_000_000) });
    for (let i = 0; i < 5; i += 1) counter.inc({ x: `\uD800 ${'\u{1F600}'.repeat(1_000)}` });
    const text = await textOf(metrics);
    expect(text.length).toBeLessThan(10_000);
    expect(
      parse(text)
        .filter((s) => s.name === 'a_total')
        .map((s) => s.value),
    ).toEqual([1, 1, 5]);
  });
});
