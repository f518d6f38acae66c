import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  hasServer,
  startPrometheus,
  startRedis,
  type TestPrometheus,
  type TestServer,
} from 'kit-tooling/servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alerts } from '../src/cli/alerts.js';
import { burnRateAlerts } from '../src/cli/burn-rates.js';
import { dashboards } from '../src/cli/dashboards.js';
import { runCli } from '../src/cli/main.js';
import { recordingRules } from '../src/cli/recording-rules.js';
import { clients } from './clients.js';
import { hostileValues, startBusyService } from './fixtures/busy-service.js';

const TRACE = 'ab'.repeat(16);

// A real Prometheus scrapes two busy services, one on each client, and evaluates the generated rules.
describe.runIf(hasServer('prometheus') && hasServer('redis'))('a real Prometheus', () => {
  let prometheus: TestPrometheus;
  let redis: TestServer;
  let textOnly: Awaited<ReturnType<typeof serveAsText>>;
  let services: Awaited<ReturnType<typeof startBusyService>>[];
  const folder = mkdtempSync(join(tmpdir(), 'kit-prometheus-'));

  beforeAll(async () => {
    (globalThis as Record<symbol, unknown>)[Symbol.for('@kit/trace')] = {
      getTrace: () => ({ traceId: TRACE }),
    };
    redis = await startRedis();
    services = await Promise.all(clients.map(([, client]) => startBusyService(client, redis)));
    runCli(['rules', '--out', folder], { out() {}, error() {} });
    textOnly = await serveAsText(services[0]!.target);
    prometheus = await startPrometheus({
      targets: { shop: services.map(({ target }) => target), 'shop-as-text': [textOnly.target] },
      ruleFiles: ['kit-recording.yml', 'kit-alerts.yml'].map((file) => resolve(folder, file)),
    });
    // Rates need a few scrapes, and rules that read other rules a few evaluations more.
    for (let i = 0; i < 14; i += 1) {
      await Promise.all(services.map((service) => service.load()));
      await delay(400);
    }
  });

  afterAll(async () => {
    delete (globalThis as Record<symbol, unknown>)[Symbol.for('@kit/trace')];
    await prometheus?.stop();
    await Promise.all((services ?? []).map((service) => service.stop()));
    textOnly?.close();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  // A busy machine may be a scrape behind.
  const hasData = async (expression: string) => {
    await expect.poll(() => prometheus.query(expression), { interval: 250 }).not.toEqual([]);
  };

  it('scrapes both services without a complaint, and one as text 0.0.4 as well', async () => {
    const complaints = async () => {
      const { activeTargets } = await prometheus.api<{
        activeTargets: { health: string; lastError: string }[];
      }>('targets');
      return activeTargets.map(({ health, lastError }) => `${health}${lastError}`);
    };
    // A scrape that took longer than its half second, on a busy machine, says nothing of the page.
    await expect.poll(complaints, { interval: 250 }).toEqual(['up', 'up', 'up']);
  });

  it('asked for OpenMetrics and took the exemplars', async () => {
    const series = encodeURIComponent('http_request_duration_seconds_bucket');
    const first = async () => {
      const found = await prometheus.api<{ exemplars: { labels: Record<string, string> }[] }[]>(
        `query_exemplars?query=${series}&start=${Date.now() / 1_000 - 600}&end=${Date.now() / 1_000 + 60}`,
      );
      return found.flatMap(({ exemplars }) => exemplars)[0]?.labels;
    };
    await expect.poll(first, { interval: 250 }).toEqual({ trace_id: TRACE });
  });

  const queries = dashboards.flatMap(({ title, panels }) =>
    panels.flatMap((panel) =>
      panel.queries.map(([expression]) => [`${title} / ${panel.title}`, expression] as const),
    ),
  );
  it.each(queries)('has data for %s: %s', async (_panel, expression) => {
    await hasData(expression);
  });

  it.each(recordingRules.map(({ record, expr }) => [record, expr] as const))(
    'has data for the rule %s',
    async (record, expr) => {
      await hasData(expr);
      await hasData(record);
    },
  );

  it.each([...alerts, ...burnRateAlerts(0.999)].map((alert) => [alert.name, alert] as const))(
    'has data for what the alert %s looks at',
    async (_name, { value, threshold }) => {
      await hasData(value);
      await prometheus.query(`${value} ${threshold}`);
    },
  );

  it('evaluates every rule without an error, and fires for what is wrong', async () => {
    const rules = async () => {
      const { groups } = await prometheus.api<{
        groups: { rules: { name: string; health: string; lastError?: string }[] }[];
      }>('rules');
      return groups.flatMap(({ rules }) => rules);
    };
    expect(await rules()).toHaveLength(24);
    const notEvaluated = async () => (await rules()).filter(({ health }) => health === 'unknown');
    await expect.poll(notEvaluated, { interval: 250 }).toEqual([]);
    for (const { name, health, lastError } of await rules())
      expect(`${name} ${health} ${lastError ?? ''}`).toBe(`${name} ok `);
    const alertsNow = async () =>
      (await prometheus.api<{ alerts: { labels: Record<string, string>; state: string }[] }>('alerts'))
        .alerts;
    await expect.poll(alertsNow, { interval: 250 }).toContainEqual(
      expect.objectContaining({
        state: 'firing',
        labels: expect.objectContaining({ alertname: 'SagaStuck', name: 'refund' }),
      }),
    );
  });

  it('took every hostile label value as it is, and nothing that was smuggled in', async () => {
    for (const job of ['shop', 'shop-as-text']) {
      const values = async () => {
        const found = await prometheus.query(`count by (x) (hostile_total{job="${job}"})`);
        return [job, ...found.map(({ metric }) => metric.x!).sort()];
      };
      // A scrape that failed for want of time takes the series away until the next one.
      await expect
        .poll(values, { interval: 250 })
        .toEqual([job, ...hostileValues.map((x) => x.toWellFormed()).sort()]);
    }
    expect(await prometheus.query('evil_total')).toEqual([]);
  });

  it('sees every metric that docs/metrics.md describes for its own parts', async () => {
    const docs = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
    const own = docs.split('\n## ').filter((section) => !section.startsWith('Node and the process'));
    const described = own.flatMap((section) =>
      [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name!),
    );
    expect(described.length).toBeGreaterThan(50);
    const metadata = new Set(Object.keys(await prometheus.api<Record<string, unknown>>('metadata')));
    expect(
      described.filter((name) => !metadata.has(name) && !metadata.has(name.replace(/_total$/, ''))),
    ).toEqual([]);
  });

  it('sees no metric that docs/metrics.md does not describe', async () => {
    const docs = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
    const metadata = await prometheus.api<Record<string, unknown>>('metadata');
    // OpenMetrics names a counter's family without the suffix.
    const missing = Object.keys(metadata).filter(
      (name) =>
        !name.startsWith('hostile') && !docs.includes(`\`${name}\``) && !docs.includes(`\`${name}_total\``),
    );
    expect(missing).toEqual([]);
  });
});

/** The same page for a Prometheus that knows no OpenMetrics. */
async function serveAsText(target: string) {
  const server = createServer((_req, res) => {
    void fetch(`http://${target}/metrics`, { headers: { accept: 'text/plain' } }).then(async (page) => {
      res.setHeader('content-type', page.headers.get('content-type')!);
      res.end(await page.text());
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
