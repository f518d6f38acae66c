import type { ForeignFamily, ForeignValue } from './client.js';
import { type Family, readHistogram } from './family.js';
import { escapeLabel } from './labels.js';

/** Prometheus text 0.0.4 or OpenMetrics 1.0. */
export type Format = 'text' | 'openmetrics';

export const contentTypes: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** The lines of one of kit's metrics, one string a series. */
export function* familyLines(
  family: Family,
  format: Format,
  defaultLabels: Readonly<Record<string, unknown>>,
): Generator<{ text: string; lines: number }> {
  yield head(family.name, family.help, family.type, format);
  const own = new Set(family.series.labelNames);
  const defaults = labelPairs(Object.entries(defaultLabels).filter(([name]) => !own.has(name)));
  const count = family.series.texts.length;
  for (let slot = 0; slot < count; slot += 1) {
    const labels = joined(defaults, family.series.texts[slot]!);
    if (family.type === 'histogram') {
      yield { text: histogramLines(family, slot, labels, format), lines: family.stride + 1 };
    } else {
      yield { text: `${family.name}${braced(labels)} ${number(family.values[slot]!)}\n`, lines: 1 };
    }
  }
}

/** The lines of a metric that a client's `get()` described. */
export function* foreignLines(
  family: ForeignFamily,
  format: Format,
  defaultLabels: Readonly<Record<string, unknown>>,
): Generator<{ text: string; lines: number }> {
  const type = types.has(String(family.type)) ? String(family.type) : 'untyped';
  yield head(family.name, textOf(family.help), type, format);
  // A label object that its owner reused and changed comes back twice; Prometheus would refuse the whole page.
  const seen = new Set<string>();
  for (const sample of family.values ?? []) {
    const pairs = Object.entries({ ...defaultLabels, ...sample.labels });
    const series = `${sample.metricName ?? family.name}${braced(labelPairs(pairs))}`;
    if (seen.has(series)) continue;
    seen.add(series);
    const exemplar = format === 'openmetrics' && takesExemplar(family.name, type) ? exemplarText(sample) : '';
    yield { text: `${series} ${number(sample.value)}${exemplar}\n`, lines: 1 };
  }
}

const types = new Set(['counter', 'gauge', 'histogram', 'summary']);

function head(name: string, help: string, type: string, format: Format): { text: string; lines: number } {
  const escaped = help.toWellFormed().replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  if (format === 'text') return { text: `# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n`, lines: 2 };
  const [family, kind] = openMetricsType(name, type);
  return {
    text: `# TYPE ${family} ${kind}\n# HELP ${family} ${escaped.replaceAll('"', '\\"')}\n`,
    lines: 2,
  };
}

// OpenMetrics 1.0 wants every counter to end in _total. One that does not is shown as `unknown`,
// so that its name is the same in both formats.
function openMetricsType(name: string, type: string): [name: string, type: string] {
  if (type === 'counter') {
    return name.endsWith('_total') ? [name.slice(0, -'_total'.length), 'counter'] : [name, 'unknown'];
  }
  return [name, type === 'untyped' ? 'unknown' : type];
}

function histogramLines(family: Family, slot: number, labels: string, format: Format): string {
  const { counts, sum } = readHistogram(family, slot);
  const { name, bounds } = family;
  let text = '';
  for (let i = 0; i < counts.length; i += 1) {
    const le = i < bounds.length ? number(bounds[i]!) : '+Inf';
    text += `${name}_bucket{${joined(labels, `le="${le}"`)}} ${counts[i]!}`;
    if (format === 'openmetrics' && family.exemplars !== undefined) {
      const kept = family.exemplars.at(slot * counts.length + i);
      if (kept) text += ` # {trace_id="${kept.traceId}"} ${number(kept.value)} ${kept.atMs / 1_000}`;
    }
    text += '\n';
  }
  return `${text}${name}_sum${braced(labels)} ${number(sum)}\n${name}_count${braced(labels)} ${counts.at(-1)!}\n`;
}

const takesExemplar = (name: string, type: string) =>
  type === 'histogram' || (type === 'counter' && name.endsWith('_total'));

function exemplarText({ exemplar }: ForeignValue): string {
  if (!exemplar) return '';
  const labels = labelPairs(Object.entries(exemplar.labelSet ?? {}));
  const timestamp = typeof exemplar.timestamp === 'number' ? ` ${exemplar.timestamp}` : '';
  return ` # {${labels}} ${number(exemplar.value)}${timestamp}`;
}

function labelPairs(pairs: readonly (readonly [string, unknown])[]): string {
  return pairs.map(([name, value]) => `${name}="${escapeLabel(textOf(value))}"`).join(',');
}

/** The clients take any label value, be it one that has no text; it must not cost the page. */
function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  try {
    // oxlint-disable-next-line typescript/no-base-to-string -- '[object Object]' is what the client writes too
    return String(value);
  } catch {
    return '';
  }
}

const joined = (left: string, right: string) => (left && right ? `${left},${right}` : left || right);

const braced = (labels: string) => (labels === '' ? '' : `{${labels}}`);

function number(value: unknown): string {
  // What JSON made of NaN on its way from another process, or a client's gauge that was never set.
  if (typeof value !== 'number') return 'NaN';
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return String(value);
}
