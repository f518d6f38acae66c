import * as promClient from 'prom-client';
import * as prometheusClient from '@prometheus-io/client';
import { createMetrics, type Metrics, type MetricsOptions } from '../src/index.js';

/** Both clients that can be injected; what holds for one has to hold for the other. */
export const clients = [
  ['prom-client', promClient.default as never],
  [
    '@prometheus-io/client',
    ((prometheusClient as { default?: unknown }).default ?? prometheusClient) as never,
  ],
] as [string, typeof promClient][];

export function newMetrics(options: Partial<MetricsOptions> = {}): Metrics {
  return createMetrics({ client: promClient, defaultMetrics: false, ...options });
}

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
  line: string;
}

/** Reads an exposition as a scraper would and fails on lines that are none, and on duplicate series. */
export function parse(text: string): Sample[] {
  const seen = new Set<string>();
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*?)\})? (\S+)(?: # \{.*\} \S+ \S+)?$/s.exec(line);
      if (!match) throw new Error(`no sample: ${line.slice(0, 200)}`);
      const key = `${match[1]}{${match[2] ?? ''}}`;
      if (seen.has(key)) throw new Error(`twice: ${key}`);
      seen.add(key);
      const labels = Object.fromEntries(
        [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [
          name!,
          value!,
        ]),
      );
      return { name: match[1]!, labels, value: Number(match[3]!.replace('Inf', 'Infinity')), line };
    });
}

/** The value of the series whose labels include these. */
export function valueOf(text: string, name: string, labels: Record<string, string> = {}): number | undefined {
  return parse(text).find(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  )?.value;
}

export const textOf = (metrics: Metrics) => metrics.registry.metrics();
