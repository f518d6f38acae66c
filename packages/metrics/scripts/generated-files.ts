import { dashboardFiles } from '../src/cli/dashboards.ts';
import { ruleFiles } from '../src/cli/rules.ts';
import { createTranslator } from '../src/cli/translate.ts';
import { kitNaming } from '../src/http-naming.ts';
import { otelNaming } from '../src/otel.ts';
import { catalogue, type CataloguedMetric } from './catalogue.ts';

/** What the repository keeps of what this package generates, by path from its root. */
export async function generatedFiles(): Promise<Record<string, string>> {
  const translate = createTranslator('', kitNaming);
  const runbook = 'https://github.com/kit/kit/blob/main/docs/runbook.md';
  return {
    ...below('deploy/grafana', dashboardFiles(translate)),
    ...below('deploy/prometheus', ruleFiles({ translate, slo: 0.999, runbook })),
    'docs/metrics.md': metricsPage(await catalogue()),
  };
}

function below(folder: string, files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]));
}

function metricsPage(metrics: readonly CataloguedMetric[]): string {
  const sections = [...Map.groupBy(metrics, ({ from }) => from)].sort(([a], [b]) => (a < b ? -1 : 1));
  const intro = `# Metrics

Written by \`packages/metrics/scripts/generate.ts\` from the instruments themselves; change those, not this page.

Names are without the \`prefix\` of \`createMetrics\`. A histogram \`x\` is scraped as \`x_bucket\` (with the label \`le\`), \`x_sum\`
and \`x_count\`. A label set beyond \`maxSeriesPerMetric\` is counted under \`__overflow__\`. Metrics of Node and the process come
from the client; which of them exist depends on the client's version and the operating system.

With \`otelNaming\` the HTTP metrics are called \`${otelNaming.duration}\`, \`${otelNaming.responseSize}\` and
\`${otelNaming.inFlight}\`, with the labels ${Object.values(otelNaming.labels)
    .map((label) => `\`${label}\``)
    .join(', ')}; requests are counted by \`${otelNaming.duration}_count\`.
`;
  return [intro, ...sections.map(([title, members]) => section(title, members))].join('\n');
}

function section(title: string, metrics: readonly CataloguedMetric[]): string {
  const rows = metrics.map(
    ({ name, type, labels, help }) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help.replaceAll('|', '\\|')} |`,
  );
  return `## ${title}\n\n| name | type | labels | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}
