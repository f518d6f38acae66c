import { hasServer, startPrometheus, type TestPrometheus } from 'kit-tooling/servers';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, engines } from './engines.ts';
import { type Platform, startPlatform } from './platform.ts';
import { putTrafficOn } from './traffic.ts';

const deploy = (path: string) => fileURLToPath(new URL(`../../../deploy/${path}`, import.meta.url));

interface Dashboard {
  title: string;
  panels: { title: string; targets?: { expr: string }[] }[];
}

interface RuleGroups {
  groups: { rules: { name: string; query: string; health: string; lastError?: string }[] }[];
}

// The dashboards and rules as they are deployed, on PostgreSQL and Redis.
describe.runIf(hasServer('prometheus') && hasServer('redis'))('a real Prometheus', () => {
  let database: Engine;
  let platform: Platform;
  let prometheus: TestPrometheus;
  beforeAll(async () => {
    database = await engines[1]!.start();
    platform = await startPlatform({
      DATABASE_URL: database.url,
      REDIS_URL: database.redisUrl,
      BREAKER_OPEN_MS: '500',
      PARTNER_TIMEOUT_MS: '5000',
    });
    prometheus = await startPrometheus({
      targets: { 'payment-service': [new URL(platform.url).host] },
      ruleFiles: ['kit-recording.yml', 'kit-alerts.yml'].map((file) => deploy(`prometheus/${file}`)),
      interval: '1s',
    });
    await putTrafficOn(platform, database.url);
  });
  afterAll(async () => {
    await prometheus?.stop();
    await platform?.stop();
    await database?.stop();
  });

  const isSilent = async (expression: string) => (await prometheus.query(expression)).length === 0;
  const rules = async () => {
    const { groups } = await prometheus.api<RuleGroups>('rules');
    return groups.flatMap((group) => group.rules);
  };

  it('scrapes the service without a complaint', async () => {
    const targets = async () => {
      const { activeTargets } = await prometheus.api<{
        activeTargets: { health: string; lastError: string }[];
      }>('targets');
      return activeTargets;
    };
    // A scrape that took longer than its second, on a busy machine, says nothing of the page.
    await expect.poll(targets, { interval: 250 }).toMatchObject([{ health: 'up', lastError: '' }]);
  });

  it('has data for every expression of every panel', async () => {
    const dashboards = readdirSync(deploy('grafana'))
      .filter((file) => file.endsWith('.json'))
      .map((file) => JSON.parse(readFileSync(deploy(`grafana/${file}`), 'utf8')) as Dashboard);
    const queries = dashboards.flatMap(({ title, panels }) =>
      panels.flatMap((panel) =>
        (panel.targets ?? []).map(({ expr }) => ({ panel: `${title}: ${panel.title}`, expr })),
      ),
    );
    expect(queries.length).toBeGreaterThan(70);
    const silent = async () => {
      const found: string[] = [];
      for (const { panel, expr } of queries) {
        if (await isSilent(expr)) found.push(`${panel}: ${expr}`);
      }
      return found;
    };
    // Rates need two scrapes, and rules that read rules a few evaluations.
    await expect.poll(silent, { timeout: 120_000, interval: 1_000 }).toEqual([]);
  });

  it('evaluates every rule without an error, and has data for what each of them looks at', async () => {
    const silent = async () => {
      const found: string[] = [];
      for (const { name, query } of await rules()) {
        if (await isSilent(withoutThreshold(query))) found.push(`${name}: ${query}`);
      }
      return found;
    };
    await expect.poll(silent, { timeout: 120_000, interval: 1_000 }).toEqual([]);
    const evaluated = await rules();
    expect(evaluated).toHaveLength(24);
    for (const { name, health, lastError } of evaluated) {
      expect(`${name} ${health} ${lastError ?? ''}`).toBe(`${name} ok `);
    }
  });
});

/** An alert that does not fire has no data; what it compares has. */
const withoutThreshold = (query: string) => query.replaceAll(/ (?:[<>]=?|==) [\d.]+/g, '');
