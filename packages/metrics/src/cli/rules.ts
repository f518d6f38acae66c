import { stringify } from 'yaml';
import { alertmanagerExample } from './alertmanager.js';
import { type Alert, alerts } from './alerts.js';
import { burnRateAlerts } from './burn-rates.js';
import type { GeneratedFiles } from './generated-files.js';
import { recordingRules } from './recording-rules.js';
import type { Translate } from './translate.js';

export interface RuleOptions {
  translate: Translate;
  /** Share of requests that must not fail, 0.999 for instance. */
  slo: number;
  /** URL of the runbook; each alert links to its section. */
  runbook: string;
}

const HEADER = '# Written by `npx @kit/metrics rules`; change the generator, not this file.\n';

/** Prometheus rule files, and an example for Alertmanager beside them. */
export function ruleFiles(options: RuleOptions): GeneratedFiles {
  const { translate, slo } = options;
  const groups = Map.groupBy([...alerts, ...burnRateAlerts(slo)], ({ group }) => group);
  return {
    'kit-recording.yml': yaml({
      groups: [
        {
          name: 'kit-recording',
          rules: recordingRules.map(({ record, expr }) => ({ record, expr: translate(expr) })),
        },
      ],
    }),
    'kit-alerts.yml': yaml({
      groups: [...groups].map(([name, members]) => ({
        name,
        rules: members.map((alert) => alertRule(alert, options)),
      })),
    }),
    // Not .yml: whoever hands all rule files to Prometheus must not hand it this one.
    'alertmanager/alertmanager.yml.example': yaml(alertmanagerExample),
  };
}

function alertRule(alert: Alert, { translate, runbook }: RuleOptions) {
  const link = `${runbook}#${alert.name.toLowerCase()}`;
  return {
    alert: alert.name,
    expr: translate(`${alert.value} ${alert.threshold}`),
    for: alert.for,
    labels: { severity: alert.severity },
    annotations: {
      summary: alert.summary,
      description: alert.description,
      runbook: link,
      // The name that Grafana and Alertmanager's templates look for.
      runbook_url: link,
    },
  };
}

const yaml = (value: unknown) => HEADER + stringify(value, { lineWidth: 0 });
