import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createClock } from 'kit-tooling/clock';
import { afterEach, describe, expect, it } from 'vitest';
import { createPageWriter } from '../src/page-writer.js';
import { negotiate } from '../src/negotiate.js';
import { newMetrics, parse, valueOf } from './clients.js';
import { OPENMETRICS, serve, type Served } from './page-of.js';

// vitest starts its workers without --expose-gc.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('negotiation', () => {
  it.each([
    [undefined, 'text'],
    ['', 'text'],
    ['*/*', 'text'],
    ['text/html,application/xhtml+xml', 'text'],
    ['text/plain', 'text'],
    ['application/openmetrics-text', 'openmetrics'],
    ['application/openmetrics-text; version=1.0.0; charset=utf-8', 'openmetrics'],
    // Prometheus 2.42 as it is.
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      'openmetrics',
    ],
    // Prometheus 3.
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      'openmetrics',
    ],
    ['text/plain;q=0.9, application/openmetrics-text;q=0.3', 'text'],
    ['application/openmetrics-text;version=2.0.0, text/plain', 'text'],
    ['application/openmetrics-text;q=0', 'text'],
    ['application/openmetrics-text;q=x', 'text'],
    [`${'x'.repeat(10_000)},application/openmetrics-text`, 'text'],
  ])('of %s is %s', (accept, format) => {
    expect(negotiate(accept)).toBe(format);
  });
});

describe('the handler', () => {
  let served: Served | undefined;
  afterEach(() => served?.close());

  it.each([
    [undefined, 'Accept'],
    ['Origin', 'Origin, Accept'],
    [['Origin', 'Cookie'], 'Origin, Cookie, Accept'],
    ['Origin, accept', 'Origin, accept'],
    ['*', '*'],
  ])('varies by Accept beside %j', async (before, varies) => {
    const handle = newMetrics().handler();
    const server = createServer((req, res) => {
      if (before !== undefined) res.setHeader('Vary', before);
      void handle(req, res);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      expect(answer.headers.get('vary')).toBe(varies);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('serves text 0.0.4 and OpenMetrics 1.0 with their content types, turn by turn', async () => {
    const metrics = newMetrics();
    metrics.counter('a_total', { help: 'A "quoted"' }).inc();
    metrics.counter('odd', { help: 'A counter without the suffix' }).inc();
    metrics.histogram('h_seconds', { help: 'H', buckets: [1] }).observe(0.5);
    served = await serve(metrics);
    for (let i = 0; i < 2; i += 1) {
      const text = await served.get();
      expect(text.type).toBe('text/plain; version=0.0.4; charset=utf-8');
      expect(text.text).toContain('# HELP a_total A "quoted"\n# TYPE a_total counter\na_total 1\n');
      expect(text.text).not.toContain('# EOF');
      const open = await served.get(OPENMETRICS);
      expect(open.type).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
      expect(open.text).toContain('# TYPE a counter\n# HELP a A \\"quoted\\"\na_total 1\n');
      expect(open.text).toContain('# TYPE odd unknown\n');
      expect(open.text.endsWith('\n# EOF\n')).toBe(true);
      expect(parse(open.text).map((s) => s.name)).toEqual(parse(text.text).map((s) => s.name));
    }
  });

  it('answers HEAD without a body and refuses other methods', async () => {
    served = await serve(newMetrics());
    const head = await fetch(served.url, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(0);
    const post = await fetch(served.url, { method: 'POST', body: 'x' });
    expect(post.status).toBe(405);
    expect(post.headers.get('allow')).toBe('GET, HEAD');
  });

  it.each<[string, () => unknown]>([
    ['false', () => false],
    ['nothing', () => undefined],
    ['a truthy word', () => 'yes'],
    ['a promise of false', async () => false],
    [
      'a throw',
      () => {
        throw new Error('secret');
      },
    ],
    ['a rejection', () => Promise.reject(new Error('secret'))],
  ])('shows nothing when authorize gives %s', async (_name, authorize) => {
    const metrics = newMetrics();
    metrics.counter('turnover_total', { help: 'T' }).inc(7);
    served = await serve(metrics, { authorize: authorize as never });
    const { status, text } = await served.get();
    expect(status).toBeGreaterThanOrEqual(400);
    expect(text).not.toMatch(/turnover|secret/);
  });

  it('shares a page for cacheMs and writes a new one after it', async () => {
    const clock = createClock(1_000);
    const metrics = newMetrics({ now: clock.now });
    let collected = 0;
    const runs = metrics.gauge('runs', { help: 'R' });
    metrics.onScrape('runs', () => runs.set((collected += 1)));
    served = await serve(metrics, { cacheMs: 1_000 });
    await Promise.all(Array.from({ length: 20 }, () => served!.get()));
    expect(collected).toBe(1);
    clock.advance(999);
    await served.get();
    expect(collected).toBe(1);
    clock.advance(1);
    expect(valueOf((await served.get()).text, 'runs')).toBe(2);
  });

  it('writes a new page each time with cacheMs 0', async () => {
    const metrics = newMetrics();
    const hits = metrics.counter('hits_total', { help: 'H' });
    served = await serve(metrics, { cacheMs: 0 });
    hits.inc();
    expect(valueOf((await served.get()).text, 'hits_total')).toBe(1);
    hits.inc();
    expect(valueOf((await served.get()).text, 'hits_total')).toBe(2);
  });

  it('lets other work run while it writes 40,000 lines', async () => {
    const metrics = newMetrics({ maxSeriesPerMetric: 40_000 });
    const counter = metrics.counter('a_total', { help: 'A', labels: ['i'] });
    for (let i = 0; i < 40_000; i += 1) counter.inc({ i });
    served = await serve(metrics);
    let turns = 0;
    let running = true;
    const turn = () => {
      turns += 1;
      if (running) setImmediate(turn);
    };
    const page = served.get();
    setImmediate(turn);
    const { text } = await page;
    running = false;
    expect(parse(text).filter((s) => s.name === 'a_total')).toHaveLength(40_000);
    expect(turns).toBeGreaterThan(20);
  });

  it('keeps no pile of pages for readers who do not read', async () => {
    const metrics = newMetrics({ maxSeriesPerMetric: 20_000 });
    const counter = metrics.counter('a_total', { help: 'A', labels: ['i', 'padding'] });
    for (let i = 0; i < 20_000; i += 1) counter.inc({ i, padding: 'x'.repeat(400) });
    served = await serve(metrics, { cacheMs: 0 });
    const size = (await served.get()).text.length;
    const port = Number(new URL(served.url).port);
    collectGarbage();
    const before = process.memoryUsage();
    const sockets = [];
    for (let i = 0; i < 40; i += 1) {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      socket.pause();
      socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
      sockets.push(socket);
      await delay(15);
    }
    collectGarbage();
    const after = process.memoryUsage();
    const held = after.external + after.heapUsed - before.external - before.heapUsed;
    // 40 pages would be 40 sizes; sixteen may live.
    expect(held).toBeLessThan(size * 24);
    for (const socket of sockets) socket.destroy();
    expect((await served.get()).status).toBe(200);
  });
});

describe('the page writer', () => {
  it('cuts off the readers of the oldest page when too many pages are being read', async () => {
    const writer = createPageWriter(60_000, 2);
    const ends: string[] = [];
    const server = createServer((req, res) => {
      const piece = Buffer.alloc(1 << 20, 'x');
      res.on('close', () => ends.push(`${req.url} ${res.writableFinished ? 'served' : 'cut off'}`));
      void writer.write(
        { format: 'text', pieces: Array.from({ length: 64 }, () => piece), bytes: 64 << 20 },
        res,
      );
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const sockets = ['/first', '/second', '/third'].map((path) => {
      const socket = connect((server.address() as { port: number }).port, '127.0.0.1').on('error', () => {});
      socket.pause();
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
      return socket;
    });
    await expect.poll(() => ends).toHaveLength(1);
    expect(ends[0]).toContain('cut off');
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });

  it('cuts off a reader who takes nothing for a while', async () => {
    const writer = createPageWriter(30);
    const metrics = newMetrics();
    let ended: string | undefined;
    const server = createServer((_req, res) => {
      const piece = Buffer.alloc(1 << 20, 'x');
      void writer
        .write({ format: 'text', pieces: Array.from({ length: 64 }, () => piece), bytes: 64 << 20 }, res)
        .then(() => (ended = res.destroyed ? 'cut off' : 'served'));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as { port: number }).port, '127.0.0.1').on('error', () => {});
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await expect.poll(() => ended).toBe('cut off');
    socket.destroy();
    server.closeAllConnections();
    server.close();
    metrics.close();
  });
});
