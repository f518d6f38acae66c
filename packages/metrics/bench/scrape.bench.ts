import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { defineTableBench } from 'kit-tooling/bench';
import client from 'prom-client';
import { createMetrics } from '@kit/metrics';

const SERIES = 10_000;

export default defineTableBench({
  package: 'metrics',
  title: 'A scrape of 10,000 series: longest time the event loop stood still',
  async run({ short }) {
    const registry = new client.Registry();
    const theirs = new client.Counter({
      name: 'a_total',
      help: 'a',
      labelNames: ['i', 'route'],
      registers: [registry],
    });
    const metrics = createMetrics({ client, defaultMetrics: false, maxSeriesPerMetric: SERIES });
    const ours = metrics.counter('a_total', { help: 'a', labels: ['i', 'route'] });
    for (let i = 0; i < SERIES; i += 1) {
      theirs.inc({ i, route: `/users/:id/orders/${i}` });
      ours.inc({ i, route: `/users/:id/orders/${i}` });
    }
    const handler = metrics.handler({ cacheMs: 0 });
    const rounds = short ? 10 : 40;
    const kit = await blocked(rounds, () => handler);
    const peer = await blocked(rounds, () => async (_req, res) => void res.end(await registry.metrics()));
    return {
      columns: ['', 'longest block, median of rounds (ms)', 'whole scrape, median (ms)'],
      rows: [
        ['kit', kit.block.toFixed(1), kit.whole.toFixed(1)],
        ['prom-client', peer.block.toFixed(1), peer.whole.toFixed(1)],
      ],
      notes: `Target: kit below 5 ms. ${SERIES} series of one counter with two labels; no cache.`,
    };
  },
});

type Handler = ReturnType<ReturnType<typeof createMetrics>['handler']>;

async function blocked(rounds: number, make: () => Handler): Promise<{ block: number; whole: number }> {
  const handle = make();
  const server = createServer((req, res) => void handle(req, res)).listen(0, '127.0.0.1');
  await delay(10);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const blocks: number[] = [];
  const wholes: number[] = [];
  for (let i = 0; i < rounds + 5; i += 1) {
    const histogram = monitorEventLoopDelay({ resolution: 1 });
    histogram.enable();
    await delay(5);
    histogram.reset();
    const startedAt = performance.now();
    await (await fetch(url)).arrayBuffer();
    wholes.push(performance.now() - startedAt);
    await delay(5);
    histogram.disable();
    // The monitor counts its own resolution of a millisecond.
    blocks.push(Math.max(0, histogram.max / 1e6 - 1));
  }
  server.closeAllConnections();
  server.close();
  return { block: median(blocks.slice(5)), whole: median(wholes.slice(5)) };
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
