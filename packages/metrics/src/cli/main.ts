import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { otelNaming } from '../otel.js';
import { kitNaming } from '../http-naming.js';
import { checkMetricName } from '../labels.js';
import { dashboardFiles } from './dashboards.js';
import type { GeneratedFiles } from './generated-files.js';
import { ruleFiles } from './rules.js';
import { createTranslator } from './translate.js';

const HELP = `npx @kit/metrics <command> --out <folder> [options]

  dashboards   Grafana dashboards as JSON
  rules        Prometheus alerts and recording rules, and Alertmanager examples

  --out        folder the files go to; made if it is not there
  --prefix     the prefix that createMetrics was given
  --naming     kit (default) or otel: the names of the HTTP metrics
  --slo        share of requests that must not fail, for the burn rates (default 0.999)
  --runbook    where the runbook is (default https://github.com/kit/kit/blob/main/docs/runbook.md)
`;

export interface CliOutput {
  out(text: string): void;
  error(text: string): void;
}

const terminal: CliOutput = {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
};

/** Runs the command line; returns the exit code: 0, 1 when a file cannot be written, 2 for a command that makes no sense. */
export function runCli(args: string[], output: CliOutput = terminal): number {
  let asked: ReturnType<typeof read>;
  try {
    asked = read(args);
  } catch (error) {
    output.error(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  const { command, folder, files } = asked;
  if (!files) {
    if (command === 'help') output.out(HELP);
    else output.error(HELP);
    return command === 'help' ? 0 : 2;
  }
  try {
    write(folder, files);
  } catch (error) {
    output.error(`cannot write to ${folder}: ${(error as Error).message}\n`);
    return 1;
  }
  output.out(`${Object.keys(files).length} files written to ${folder}\n`);
  return 0;
}

function read(args: string[]): { command: string; folder: string; files?: GeneratedFiles } {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      prefix: { type: 'string', default: '' },
      naming: { type: 'string', default: 'kit' },
      slo: { type: 'string', default: '0.999' },
      runbook: { type: 'string', default: 'https://github.com/kit/kit/blob/main/docs/runbook.md' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [command = '', ...rest] = positionals;
  if (values.help) return { command: 'help', folder: '' };
  if (command === '') return { command, folder: '' };
  if (rest.length > 0) throw new Error(`unexpected "${rest.join(' ')}"`);
  if (command !== 'dashboards' && command !== 'rules') throw new Error(`unknown command "${command}"`);
  if (!values.out) throw new Error('--out must name a folder');
  if (values.prefix !== '') checkMetricName(values.prefix, '--prefix');
  if (values.naming !== 'kit' && values.naming !== 'otel') {
    throw new Error(`--naming must be kit or otel, got ${values.naming}`);
  }
  const translate = createTranslator(values.prefix, values.naming === 'otel' ? otelNaming : kitNaming);
  const slo = readSlo(values.slo);
  checkRunbook(values.runbook);
  const files =
    command === 'dashboards'
      ? dashboardFiles(translate)
      : ruleFiles({ translate, slo, runbook: values.runbook });
  return { command, folder: values.out, files };
}

function readSlo(text: string): number {
  const slo = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN;
  if (!(slo >= 0.5 && slo <= 0.999999)) {
    throw new Error(`--slo must be a number from 0.5 to 0.999999, got "${text}"`);
  }
  return slo;
}

function checkRunbook(text: string): void {
  // Whoever is woken at night follows it from a mail or a chat: a relative link leads nowhere there.
  if (!/^https?:\/\/\S+$/.test(text) || !URL.canParse(text)) {
    throw new Error(`--runbook must be an absolute http or https URL, got "${text}"`);
  }
}

function write(folder: string, files: GeneratedFiles): void {
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
