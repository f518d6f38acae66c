import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from 'kit-tooling/process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { catalogue, type CataloguedMetric } from '../scripts/catalogue.js';
import { generatedFiles } from '../scripts/generated-files.js';
import { alerts } from '../src/cli/alerts.js';
import { burnRateAlerts } from '../src/cli/burn-rates.js';
import { dashboards } from '../src/cli/dashboards.js';
import { runCli } from '../src/cli/main.js';
import { recordingRules } from '../src/cli/recording-rules.js';
import { createTranslator } from '../src/cli/translate.js';
import { otelNaming } from '../src/otel.js';
import { kitNaming } from '../src/http-naming.js';

const root = new URL('../../../', import.meta.url);

describe('the generated files', () => {
  it('in deploy/ and docs/ are what the generator writes now (npm run generate in packages/metrics)', async () => {
    for (const [path, text] of Object.entries(await generatedFiles())) {
      expect(existsSync(new URL(path, root)), `${path} is missing`).toBe(true);
      expect(readFileSync(new URL(path, root), 'utf8') === text, `${path} is out of date`).toBe(true);
    }
  });
});

describe('dashboards and rules', () => {
  let metrics: CataloguedMetric[];
  beforeAll(async () => {
    metrics = await catalogue();
  });
  const expressions = [
    ...dashboards.flatMap(({ panels }) =>
      panels.flatMap(({ queries }) => queries.map(([expression]) => expression)),
    ),
    ...[...alerts, ...burnRateAlerts(0.999)].map(({ value, threshold }) => `${value} ${threshold}`),
    ...recordingRules.map(({ expr }) => expr),
  ];

  it('use only metrics that are emitted, and rules that are recorded', () => {
    const known = new Set(
      metrics.flatMap(({ name, type }) =>
        type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );
    for (const { record } of recordingRules) known.add(record);
    const used = expressions.flatMap(
      (expression) =>
        expression
          .replaceAll(/"[^"]*"/g, '')
          .match(/(?:\b(?:http|kit|business|process|nodejs)_\w+|\bjob\w*:[\w:]+)/g) ?? [],
    );
    expect(used.length).toBeGreaterThan(80);
    expect([...new Set(used)].filter((name) => !known.has(name))).toEqual([]);
  });

  it('select and group by labels that those metrics have', () => {
    const labels = new Set(['job', 'instance', 'le', ...metrics.flatMap(({ labels }) => labels)]);
    const used = expressions.flatMap((expression) => [
      ...[...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) =>
        list!.split(',').map((label) => label.trim()),
      ),
      ...[...expression.matchAll(/[{,](\w+)(?:=|!=|=~)"/g)].map(([, label]) => label!),
    ]);
    expect(used.filter((label) => !labels.has(label))).toEqual([]);
  });

  it('cover what the design page asks for: six dashboards with complete panels', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kit-dashboards-'));
    runCli(['dashboards', '--out', folder], { out() {}, error() {} });
    const files = readdirSync(folder);
    expect(files.sort()).toEqual(
      ['application', 'database', 'endpoints', 'overview', 'redis', 'reliability'].map(
        (name) => `kit-${name}.json`,
      ),
    );
    for (const file of files) {
      const dashboard = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
        panels: any[];
        uid: string;
        title: string;
        schemaVersion: number;
        templating: { list: { name: string; type: string; query?: string }[] };
      };
      // What Grafana 10 and later read without a migration of years.
      expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
      expect(`${dashboard.uid}.json`).toBe(file);
      expect(dashboard.title).toMatch(/^Kit \/ \w/);
      expect(dashboard.templating.list).toMatchObject([
        { name: 'datasource', type: 'datasource', query: 'prometheus' },
        { name: 'filters', type: 'adhoc' },
      ]);
      expect(overlapping(dashboard.panels)).toEqual([]);
      expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
      for (const panel of dashboard.panels) {
        expect(panel.title).toMatch(/\w/);
        expect(panel.type).toMatch(/^(timeseries|stat)$/);
        expect(panel.targets.length).toBeGreaterThan(0);
        expect(panel.options?.legend?.showLegend ?? panel.type === 'stat').toBe(true);
        expect(panel.datasource).toEqual({ type: 'prometheus', uid: '${datasource}' });
        expect(panel.gridPos).toMatchObject({ w: 8, h: 8 });
        expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(24);
        expect(panel.targets.map(({ refId }: any) => refId)).toEqual(
          ['A', 'B', 'C'].slice(0, panel.targets.length),
        );
        for (const { expr, datasource, legendFormat } of panel.targets) {
          // A legend names labels that the query leaves.
          const grouped = /by \(([^)]*)\)/.exec(expr)?.[1]?.split(', ') ?? [
            'instance',
            'method',
            'route',
            'job',
          ];
          for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
            expect([...grouped, 'job']).toContain(label);
          expect(expr).not.toContain('$');
          expect(datasource).toEqual(panel.datasource);
        }
      }
    }
    rmSync(folder, { recursive: true });
  });
});

interface Place {
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
}

/** Pairs of panels of which one lies over the other. */
function overlapping(panels: readonly Place[]): string[] {
  return panels.flatMap((one, i) =>
    panels.slice(i + 1).flatMap((other) => {
      const [a, b] = [one.gridPos, other.gridPos];
      const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
      return apart ? [] : [`${one.title} over ${other.title}`];
    }),
  );
}

describe('other names', () => {
  const expression =
    'sum by (job, method, route) (rate(http_requests_total{status_code=~"5.."}[5m])) / kit_db_up + job:http_requests:rate5m';

  it('get the prefix on metrics and nowhere else', () => {
    expect(createTranslator('shop_', kitNaming)(expression)).toBe(
      'sum by (job, method, route) (rate(shop_http_requests_total{status_code=~"5.."}[5m])) / shop_kit_db_up + job:http_requests:rate5m',
    );
  });

  it('follow the semantic conventions of OpenTelemetry', () => {
    const translate = createTranslator('', otelNaming);
    expect(translate(expression)).toBe(
      'sum by (job, http_request_method, http_route) (rate(http_server_request_duration_seconds_count{http_response_status_code=~"5.."}[5m])) / kit_db_up + job:http_requests:rate5m',
    );
    expect(translate('http_request_duration_seconds_bucket')).toBe(
      'http_server_request_duration_seconds_bucket',
    );
    expect(translate('http_requests_in_flight')).toBe('http_server_active_requests');
  });
});

describe('the command line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kit-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const run = (...args: string[]) => {
    const said = { out: '', error: '' };
    const code = runCli(args, { out: (text) => (said.out += text), error: (text) => (said.error += text) });
    return { code, ...said };
  };

  it('says what it can do', () => {
    expect(run('--help')).toMatchObject({ code: 0, error: '' });
    expect(run('--help').out).toContain('dashboards');
    expect(run('-h')).toMatchObject({ code: 0 });
    expect(run()).toMatchObject({ code: 2, out: '' });
    expect(run().error).toContain('--out');
  });

  it('ends as a process with what it says: 0, 1, 2', async () => {
    const cli = new URL('../src/cli.ts', import.meta.url);
    const codes = await Promise.all(
      [['--help'], ['rules', '--out', join(process.execPath, 'below')], ['graphs']].map(async (args) => {
        const { exited } = runChild(cli, { args });
        return (await exited).code;
      }),
    );
    expect(codes).toEqual([0, 1, 2]);
  });

  it('writes into folders that were not there', () => {
    const out = join(folder, 'a/b');
    expect(run('rules', '--out', out, '--runbook', 'https://wiki.example/runbook')).toMatchObject({
      code: 0,
    });
    expect(readFileSync(join(out, 'kit-alerts.yml'), 'utf8')).toContain(
      'https://wiki.example/runbook#sagastuck',
    );
    const routes = parseYaml(readFileSync(join(out, 'alertmanager/alertmanager.yml.example'), 'utf8')) as {
      route: { receiver: string; routes: { receiver: string }[] };
      receivers: { name: string }[];
    };
    const receivers = routes.receivers.map(({ name }) => name);
    for (const receiver of [routes.route.receiver, ...routes.route.routes.map((route) => route.receiver)]) {
      expect(receivers).toContain(receiver);
    }
  });

  it('says in one line which folder it cannot write to', () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, 'kept');
    for (const command of ['dashboards', 'rules']) {
      const { code, out, error } = run(command, '--out', join(file, 'below'));
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(error).toMatch(/^cannot write to .*a-file.below: .+\n$/);
    }
    expect(readFileSync(file, 'utf8')).toBe('kept');
  });

  it.each([
    [['graphs', '--out', 'x'], 'unknown command "graphs"'],
    [['rules'], '--out must name a folder'],
    [['rules', '--out', 'x', '--slo', '2'], '--slo must be a number from 0.5'],
    [['rules', '--out', 'x', '--slo', 'most'], '--slo must be a number from 0.5 to 0.999999, got "most"'],
    [['rules', '--out', 'x', '--slo', ''], 'got ""'],
    [['rules', '--out', 'x', '--runbook', ''], '--runbook must be an absolute http or https URL, got ""'],
    [['rules', '--out', 'x', '--runbook', 'docs/runbook.md'], '--runbook must be an absolute'],
    [['rules', '--out', 'x', '--prefix', 'a-b'], '--prefix must match'],
    [['rules', '--out', 'x', '--naming', 'other'], '--naming must be kit or otel'],
    [['rules', 'more', '--out', 'x'], 'unexpected "more"'],
    [['rules', '--colour'], '--colour'],
    [['rules', '--out'], '--out'],
    [['rules', '--out', ''], '--out must name a folder'],
    [['rules', '--out', 'x', '--slo', '1'], '--slo must be'],
    [['rules', '--out', 'x', '--prefix', '1a'], '--prefix must match'],
  ])('refuses %j', (args, message) => {
    const { code, error } = run(...args);
    expect(code).toBe(2);
    expect(error).toContain(message);
    expect(existsSync('x')).toBe(false);
  });
});
