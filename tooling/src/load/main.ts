import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs, styleText } from 'node:util';
import { renderTable } from '../bench/report.ts';
import { drive, quantile } from './drive.ts';
import { startPlatform } from './platform.ts';
import { residentBytesOf } from './process-metrics.ts';
import { prepareScenarios, type Scenario } from './scenarios.ts';
import { measureUsage } from './usage.ts';

const help = `npm run load -- [--duration 10] [--rate 100] [--connections 50] [--warmup 30]

  Drives the example platform on loopback and compares it with its targets. Uses the platform that runs on
  PAYMENT_PORT and USER_PORT; where none does, it builds one and starts it as it is deployed (node dist/main.js), with
  a data folder of its own, LOG_LEVEL=warn and rate limits that do not matter.
  Exit code 1 when a target is missed.

  --duration     seconds that count in each scenario (1 to 300)
  --rate         requests a second in each scenario, evenly spread (1 to 10000)
  --connections  keep-alive connections (1 to 500)
  --warmup       seconds of the same traffic before, which do not count: Node compiles what runs often, and needs some
                 thousand requests for that (0 to 300)
`;
const { values } = parseArgs({
  options: {
    duration: { type: 'string', default: '10' },
    rate: { type: 'string', default: '100' },
    connections: { type: 'string', default: '50' },
    warmup: { type: 'string', default: '30' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}
const duration = wholeNumber('duration', values.duration, 1, 300);
const rate = wholeNumber('rate', values.rate, 1, 10_000);
const connections = wholeNumber('connections', values.connections, 1, 500);
const warmup = wholeNumber('warmup', values.warmup, 0, 300);

const columns = [
  'scenario',
  'requests/s',
  'p50',
  'p95',
  'p99',
  'errors',
  'CPU',
  'CPU a request',
  'memory',
  'load CPU',
  'machine',
  'targets',
];

const cores = availableParallelism();
const platform = await startPlatform();
const notes = [
  platform.runs,
  `${warmup} s of the same traffic before each scenario do not count.`,
  `${cores} × ${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}.`,
  'CPU and memory are of the service that was asked, 100 % being one core, its own calls to partners included;',
  `load CPU is what this program took of the same ${cores} cores, and machine is how busy they were with everything on them,`,
  'the partners included. Where that nears 100 %, requests wait for a core, and a latency says how many are waiting.',
].join(' ');

try {
  process.exitCode = (await main()) ? 0 : 1;
} finally {
  await platform.close();
}

async function main(): Promise<boolean> {
  const scenarios = await prepareScenarios(platform);
  const rows: string[][] = [];
  let allMet = true;
  for (const [index, scenario] of scenarios.entries()) {
    const step = `[${index + 1}/${scenarios.length}] ${scenario.name}, ${warmup} + ${duration} s\n`;
    process.stderr.write(styleText('dim', step));
    const { cells, met } = await measure(scenario);
    rows.push(cells);
    allMet &&= met;
  }
  process.stdout.write(`\n${renderTable({ columns, rows, notes })}\n`);
  return allMet;
}

async function measure(scenario: Scenario): Promise<{ cells: string[]; met: boolean }> {
  const url = platform[scenario.service];
  const traffic = {
    ...scenario,
    url,
    connections,
    rate: Math.max(1, Math.round(rate * (scenario.share ?? 1))),
  };
  if (warmup > 0) await drive({ ...traffic, duration: warmup });
  const endMeasuring = await measureUsage(url);
  const outcome = await drive({ ...traffic, duration });
  const usage = await endMeasuring();
  const memory = await residentBytesOf(url);

  const p95 = quantile(outcome, 0.95);
  const errorRatio = outcome.failed / Math.max(1, outcome.latencies.length);
  const misses = [
    ...(p95 < scenario.p95Ms ? [] : [`p95 < ${scenario.p95Ms} ms`]),
    ...(errorRatio < 0.001 ? [] : ['errors < 0.1 %']),
    ...(usage.service < 0.7 ? [] : ['CPU < 70 %']),
  ];
  const met = misses.length === 0;
  const cells = [
    scenario.name,
    (outcome.latencies.length / duration).toFixed(0),
    `${quantile(outcome, 0.5).toFixed(1)} ms`,
    `${p95.toFixed(1)} ms`,
    `${quantile(outcome, 0.99).toFixed(1)} ms`,
    `${(errorRatio * 100).toFixed(2)} %`,
    percent(usage.service),
    `${((usage.service * usage.durationMs) / Math.max(1, outcome.latencies.length)).toFixed(1)} ms`,
    `${(memory / 2 ** 20).toFixed(0)} MiB`,
    percent(usage.load),
    percent(usage.machine),
    met ? `met: p95 < ${scenario.p95Ms} ms` : `missed: ${misses.join(', ')}`,
  ];
  return { cells, met };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  process.stderr.write(`--${name} must be a whole number from ${min} to ${max}, got ${text}\n`);
  process.exit(2);
}
