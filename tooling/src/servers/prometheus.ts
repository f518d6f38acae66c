import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireProgram } from './from-path.ts';
import { startServer, type TestServer } from './server-process.ts';

export interface PrometheusOptions {
  /** What it scrapes, `127.0.0.1:4000` each, by job. */
  targets: Record<string, string[]>;
  /** Rule files by absolute path. */
  ruleFiles?: string[];
  /** Prometheus' own notation, for scrapes and for rules. @default '500ms' */
  interval?: string;
}

/** One series of an instant query. */
export interface PrometheusSample {
  metric: Record<string, string>;
  value: [atSeconds: number, value: string];
}

export interface TestPrometheus extends TestServer {
  /** An instant query. Rejects with Prometheus' own words when the expression is wrong. */
  query(expression: string): Promise<PrometheusSample[]>;
  /** GET below `/api/v1/`, its `data`. */
  api<T>(path: string): Promise<T>;
}

/** A Prometheus of the test's own, from the prometheus on PATH, with exemplars switched on. */
export async function startPrometheus(options: PrometheusOptions): Promise<TestPrometheus> {
  const prometheus = requireProgram('prometheus');
  const interval = options.interval ?? '500ms';
  const server = await startServer({
    name: 'prometheus',
    prepare(dataDir) {
      const config = {
        global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
        rule_files: options.ruleFiles ?? [],
        scrape_configs: Object.entries(options.targets).map(([job, targets]) => ({
          job_name: job,
          static_configs: [{ targets }],
        })),
      };
      // JSON is YAML.
      writeFileSync(join(dataDir, 'prometheus.yml'), JSON.stringify(config));
    },
    command: (port, dataDir) => ({
      file: prometheus,
      args: [
        `--config.file=${join(dataDir, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(dataDir, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--enable-feature=exemplar-storage',
        '--log.level=warn',
      ],
    }),
    async isReady(port) {
      const response = await fetch(`http://127.0.0.1:${port}/-/ready`);
      if (!response.ok) throw new Error(`not ready: ${response.status}`);
    },
    url: (port) => `http://127.0.0.1:${port}`,
  });
  const api = async <T>(path: string): Promise<T> => {
    const response = await fetch(`${server.url}/api/v1/${path}`);
    const body = (await response.json()) as { status: string; error?: string; data: T };
    if (body.status !== 'success') throw new Error(`${path}: ${body.error}`);
    return body.data;
  };
  return Object.defineProperties(server, {
    api: { value: api },
    query: {
      value: async (expression: string) => {
        const { result } = await api<{ result: PrometheusSample[] }>(
          `query?query=${encodeURIComponent(expression)}`,
        );
        return result;
      },
    },
  }) as TestPrometheus;
}

/** Runs promtool and returns what it printed; throws with that when it fails. */
export function promtool(...args: string[]): string {
  try {
    return execFileSync(requireProgram('promtool'), args, { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`promtool ${args.join(' ')}:\n${stdout ?? ''}${stderr ?? ''}`, { cause: error });
  }
}
