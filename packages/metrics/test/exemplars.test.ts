import { AsyncLocalStorage } from 'node:async_hooks';
import { startExpress, startFastify } from 'kit-tooling/apps';
import { createClock } from 'kit-tooling/clock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { metricsHandler, metricsMiddleware } from '../src/express.js';
import { metricsPlugin } from '../src/fastify.js';
import { clients, newMetrics } from './clients.js';
import { OPENMETRICS, serve, type Served } from './page-of.js';

const id = (n: number) => n.toString(16).padStart(32, '0');

// The trace port by its structure, as @kit/trace puts it there.
const store = new AsyncLocalStorage<{ traceId: string }>();
const PORT = Symbol.for('@kit/trace');
const globals = globalThis as unknown as Record<symbol, unknown>;
beforeEach(() => {
  globals[PORT] = { version: 1, getTrace: () => store.getStore(), run: store.run.bind(store) };
});
afterEach(() => {
  delete globals[PORT];
});

describe.each(clients)('exemplars with %s', (_name, client) => {
  let served: Served | undefined;
  afterEach(() => served?.close());

  it('carry the 32-hex trace id of the first observation of a second, a bucket each', async () => {
    const clock = createClock(1_800_000_000_000);
    const metrics = newMetrics({ client, now: clock.now });
    const waits = metrics.histogram('waits_seconds', { help: 'W', labels: ['x'], buckets: [1, 2] });
    served = await serve(metrics);
    const observe = (n: number, value: number) =>
      store.run({ traceId: id(n) }, () => waits.observe({ x: 'a' }, value));
    const lines = async () =>
      (await served!.get(OPENMETRICS)).text.split('\n').filter((line) => line.includes(' # '));

    waits.observe({ x: 'a' }, 0.1);
    expect(await lines()).toEqual([]);
    observe(1, 0.5);
    observe(2, 0.6);
    observe(3, 1.5);
    expect(await lines()).toEqual([
      `waits_seconds_bucket{x="a",le="1"} 3 # {trace_id="${id(1)}"} 0.5 1800000000`,
      `waits_seconds_bucket{x="a",le="2"} 4 # {trace_id="${id(3)}"} 1.5 1800000000`,
    ]);
    clock.advance(999);
    observe(4, 0.7);
    expect((await lines())[0]).toContain(id(1));
    clock.advance(1);
    observe(5, 0.8);
    expect((await lines())[0]).toContain(`{trace_id="${id(5)}"} 0.8 1800000001`);
  });

  it('stay away from text 0.0.4, from hostile ids, and where they are switched off', async () => {
    const metrics = newMetrics({ client });
    metrics.histogram('waits_seconds', { help: 'W' });
    const silent = newMetrics({ client, exemplars: false });
    for (const traceId of ['short', `${id(1)}"} evil`, id(255).toUpperCase()]) {
      store.run({ traceId }, () => metrics.histogram('hostile_seconds', { help: 'H' }).observe(1));
    }
    store.run({ traceId: id(1) }, () => metrics.histogram('waits_seconds', { help: 'W' }).observe(1));
    store.run({ traceId: id(1) }, () => silent.histogram('waits_seconds', { help: 'W' }).observe(1));
    served = await serve(metrics);
    expect((await served.get()).text).not.toContain('trace_id');
    expect((await served.get(OPENMETRICS)).text).not.toMatch(/evil|hostile_seconds.*trace_id/);
    served.close();
    served = await serve(silent);
    expect((await served.get(OPENMETRICS)).text).not.toContain('trace_id');
  });

  it('do not fail an observation when the port does', async () => {
    globals[PORT] = {
      getTrace() {
        throw new Error('broken port');
      },
    };
    expect(() => newMetrics({ client }).histogram('h', { help: 'H' }).observe(1)).not.toThrow();
  });
});

describe('exemplars of HTTP requests', () => {
  it.each([true, false])('carry the trace on express (trace before metrics: %s)', async (traceFirst) => {
    const metrics = newMetrics();
    const app = await startExpress((express) => {
      const trace = (_req: unknown, _res: unknown, next: () => void) => store.run({ traceId: id(77) }, next);
      if (traceFirst) express.use(trace);
      express.use(metricsMiddleware({ metrics }));
      if (!traceFirst) express.use(trace);
      express.get('/metrics', metricsHandler({ metrics, cacheMs: 0 }));
      express.get('/a', async (_req, res) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        res.json({});
      });
    });
    try {
      await (await fetch(`${app.url}/a`)).text();
      const page = await (await fetch(`${app.url}/metrics`, { headers: OPENMETRICS })).text();
      expect(page).toMatch(
        new RegExp(`http_request_duration_seconds_bucket\\{.*route="/a".*# \\{trace_id="${id(77)}"`),
      );
    } finally {
      await app.close();
    }
  });

  it('carry the trace on fastify', async () => {
    const metrics = newMetrics();
    const app = await startFastify(async (fastify) => {
      await fastify.register(metricsPlugin, { metrics, cacheMs: 0 });
      fastify.addHook('onRequest', (_request, _reply, next) => store.run({ traceId: id(78) }, next));
      fastify.get('/a', async () => ({}));
    });
    try {
      await (await fetch(`${app.url}/a`)).text();
      const page = await (await fetch(`${app.url}/metrics`, { headers: OPENMETRICS })).text();
      expect(page).toMatch(
        new RegExp(`http_request_duration_seconds_bucket\\{.*route="/a".*# \\{trace_id="${id(78)}"`),
      );
    } finally {
      await app.close();
    }
  });
});
