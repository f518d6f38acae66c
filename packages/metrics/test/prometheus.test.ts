import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
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
import { startBusyService } from './fixtures/busy-service.js';

const TRACE = 'ab'.repeat(16);

// A real Prometheus scrapes two busy services, one on each client, and evaluates the generated rules.
describe.runIf(hasServer('prometheus') && hasServer('redis'))('a real Prometheus', () => {
  let prometheus: TestPrometheus;
  let redis: TestServer;
  let services: Awaited<ReturnType<typeof startBusyService>>[];
  const folder = mkdtempSync(join(tmpdir(), 'kit-prometheus-'));

  beforeAll(async () => {
    (globalThis as Record<symbol, unknown>)[Symbol.for('@kit/trace')] = {
      getTrace: () => ({ traceId: TRACE }),
    };
    redis = await startRedis();
    services = await Promise.all(clients.map(([, client]) => startBusyService(client, redis)));
    runCli(['rules', '--out', folder], { out() {}, error() {} });
    prometheus = await startPrometheus({
      targets: { shop: services.map(({ target }) => target) },
      ruleFiles: ['kit-recording.yml', 'kit-alerts.yml'].map((file) => resolve(folder, file)),
    });
    // Rates need a few scrapes, and rules that read other rules a few evaluations more.
    for (let i = 0; i < 14; i += 1) {
      await Promise.all(services.map((service) => service.load()));
      await delay(400);
    }
  }, 90_000);

  afterAll(async () => {
    delete (globalThis as Record<symbol, unknown>)[Symbol.for('@kit/trace')];
    await prometheus?.stop();
    await Promise.all((services ?? []).map((service) => service.stop()));
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  // A busy machine may be a scrape behind.
  const hasData = async (expression: string) => {
    await expect.poll(() => prometheus.query(expression), { timeout: 15_000, interval: 250 }).not.toEqual([]);
  };

  it('scrapes both services without a complaint', async () => {
    const { activeTargets } = await prometheus.api<{
      activeTargets: { health: string; lastError: string }[];
    }>('targets');
    expect(activeTargets.map(({ health, lastError }) => ({ health, lastError }))).toEqual([
      { health: 'up', lastError: '' },
      { health: 'up', lastError: '' },
    ]);
  });

  it('asked for OpenMetrics and took the exemplars', async () => {
    const series = encodeURIComponent('http_request_duration_seconds_bucket');
    const found = await prometheus.api<{ exemplars: { labels: Record<string, string> }[] }[]>(
      `query_exemplars?query=${series}&start=${Date.now() / 1_000 - 600}&end=${Date.now() / 1_000 + 60}`,
    );
    expect(found.flatMap(({ exemplars }) => exemplars)[0]!.labels).toEqual({ trace_id: TRACE });
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
    const { groups } = await prometheus.api<{
      groups: { rules: { name: string; health: string; lastError?: string }[] }[];
    }>('rules');
    const rules = groups.flatMap(({ rules }) => rules);
    expect(rules).toHaveLength(24);
    for (const { name, health, lastError } of rules)
      expect(`${name} ${health} ${lastError ?? ''}`).toBe(`${name} ok `);
    const { alerts: active } = await prometheus.api<{
      alerts: { labels: Record<string, string>; state: string }[];
    }>('alerts');
    expect(active).toContainEqual(
      expect.objectContaining({
        state: 'firing',
        labels: expect.objectContaining({ alertname: 'SagaStuck', name: 'refund' }),
      }),
    );
  });

  it('sees no metric that docs/metrics.md does not describe', async () => {
    const docs = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
    const metadata = await prometheus.api<Record<string, unknown>>('metadata');
    // OpenMetrics names a counter's family without the suffix.
    const missing = Object.keys(metadata).filter(
      (name) => !docs.includes(`\`${name}\``) && !docs.includes(`\`${name}_total\``),
    );
    expect(missing).toEqual([]);
  });
});
