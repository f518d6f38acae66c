import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasServer, promtool } from 'kit-tooling/servers';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../src/cli/main.js';
import { alertCases } from './fixtures/alert-cases.js';

interface Rule {
  alert?: string;
  record?: string;
  expr: string;
  for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

const folder = mkdtempSync(join(tmpdir(), 'kit-rules-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
runCli(['rules', '--out', folder], { out() {}, error() {} });

const rulesOf = (file: string): Rule[] =>
  (parse(readFileSync(join(folder, file), 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
    ({ rules }) => rules,
  );
const groups = ['kit-recording', 'kit-http', 'kit-database', 'kit-process', 'kit-reliability', 'kit-slo'];
const alerts = rulesOf('kit-alerts.yml');

describe('the generated alerts', () => {
  it('are those of the design page, with their thresholds', () => {
    expect(
      Object.fromEntries(
        alerts.map(({ alert, for: held, labels }) => [alert, `${labels!.severity} ${held}`]),
      ),
    ).toEqual({
      HighErrorRate: 'critical 5m',
      HighLatencyP95: 'warning 5m',
      HighLatencyP95Critical: 'critical 5m',
      DatabaseConnectionsHigh: 'warning 5m',
      DatabaseDown: 'critical 1m',
      HighCpu: 'warning 5m',
      HighMemory: 'warning 5m',
      EventLoopLag: 'warning 5m',
      BreakerOpen: 'warning 5m',
      SagaStuck: 'critical 0m',
      OutboxStale: 'warning 1m',
      ErrorBudgetBurnFast: 'critical 2m',
      ErrorBudgetBurnSlow: 'critical 15m',
      ErrorBudgetBurnSteady: 'warning 1h',
    });
  });

  it('have a severity, a summary, and a section of the runbook', () => {
    const runbook = readFileSync(new URL('../../../docs/runbook.md', import.meta.url), 'utf8');
    const anchors = new Set([...runbook.matchAll(/^## (\w+)$/gm)].map(([, title]) => title!.toLowerCase()));
    for (const { alert, labels, annotations } of alerts) {
      expect(labels!.severity).toMatch(/^(critical|warning)$/);
      expect(annotations!.summary).not.toBe('');
      expect(annotations!.runbook).toBe(annotations!.runbook_url);
      const [, anchor] = annotations!.runbook!.split('#');
      expect(anchors, `docs/runbook.md has no section for ${alert}`).toContain(anchor);
    }
    expect(anchors.size).toBe(alerts.length);
  });

  it.each(alerts.map(({ alert }) => [alert!]))(
    '%s has a test that it fires, that it does not, and without its series',
    (name) => {
      const cases = alertCases.filter(({ alert }) => alert === name);
      const isOfItself = ([series]: [string, string]) => !series.startsWith('up{');
      expect(cases.filter(({ fires }) => fires.length > 0)).not.toEqual([]);
      expect(cases.filter(({ fires, series }) => fires.length === 0 && series.some(isOfItself))).not.toEqual(
        [],
      );
      expect(
        cases.filter(({ fires, series }) => fires.length === 0 && !series.some(isOfItself)),
      ).toHaveLength(1);
    },
  );
});

describe.runIf(hasServer('promtool'))('promtool', () => {
  it('accepts the rules, with a prefix and OpenTelemetry names too', () => {
    for (const args of [[], ['--prefix', 'shop_'], ['--naming', 'otel'], ['--slo', '0.99']]) {
      const out = join(folder, `variant${args.join('')}`);
      expect(runCli(['rules', '--out', out, ...args], { out() {}, error() {} })).toBe(0);
      expect(promtool('check', 'rules', join(out, 'kit-alerts.yml'))).toContain('14 rules found');
      expect(promtool('check', 'rules', join(out, 'kit-recording.yml'))).toContain('10 rules found');
    }
  });

  it.each(alertCases)('$alert: $name', ({ alert, minutes, step = 1, series, fires }) => {
    const file = join(folder, `${alert}-${Math.random().toString(36).slice(2)}.test.yml`);
    const rule = alerts.find((candidate) => candidate.alert === alert)!;
    writeFileSync(
      file,
      JSON.stringify({
        rule_files: ['kit-recording.yml', 'kit-alerts.yml'],
        evaluation_interval: `${step}m`,
        // Without an order an alert may look before its recording rule has written.
        group_eval_order: groups,
        tests: [
          {
            interval: `${step}m`,
            input_series: series.map(([name, values]) => ({ series: name, values })),
            // promtool compares the whole alert, so a case that must not fire lists none.
            alert_rule_test: [
              {
                eval_time: `${minutes}m`,
                alertname: alert,
                exp_alerts: fires.map((labels) => expected(rule, labels)),
              },
            ],
          },
        ],
      }),
    );
    expect(promtool('test', 'rules', file)).toContain('SUCCESS');
  });
});

/** promtool wants the annotations word for word; the cases give the words that templates make. */
function expected(rule: Rule, { summary, ...labels }: Record<string, string>) {
  return {
    exp_labels: { ...rule.labels, ...labels },
    exp_annotations: { ...rule.annotations, summary },
  };
}
