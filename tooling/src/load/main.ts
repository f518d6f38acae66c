import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs, styleText } from 'node:util';
import { renderTable } from '../bench/report.ts';
import { type Outcome, quantile } from './drive.ts';
import { measure, type Measured } from './measure.ts';
import { startPlatform } from './platform.ts';
import { prepareScenarios } from './scenarios.ts';

const help = `npm run load -- [--duration 10] [--rate 100] [--connections 50] [--warmup 30]

  Drives the example platform on loopback and compares it with its targets. Uses the platform that runs on
  PAYMENT_PORT and USER_PORT; where none does, it builds one and starts it as it is deployed (node dist/main.js), with
  a data folder of its own, LOG_LEVEL=warn and rate limits that do not matter.
  Exit code 1 when a target is missed.

  --duration     seconds that count in each scenario (1 to 300)
  --rate         requests a second, evenly spread: of each scenario by itself, then of all of them together (1 to 10000)
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
  `The mixed rows were driven at once, together ${rate} requests a second, half of them payments.`,
  `${cores} × ${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}.`,
  'CPU and memory are of the service that was asked, whatever it was asked at that time, 100 % being one core, its own',
  'calls to partners included; CPU a request is the mean over these requests;',
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
  const at = (share: number) => Math.max(1, Math.round(rate * share));
  const alone = scenarios.map((scenario) => [{ scenario, rate: at(scenario.share ?? 1) }]);
  const mixed = scenarios.map((scenario) => ({ scenario, rate: at(scenario.mixedShare) }));
  const runs = [
    ...alone.map((driven) => ({ name: driven[0]!.scenario.name, prefix: '', driven })),
    { name: 'all of them at once', prefix: 'mixed: ', driven: mixed },
  ];
  const rows: string[][] = [];
  let allMet = true;
  for (const [index, { name, prefix, driven }] of runs.entries()) {
    const step = `[${index + 1}/${runs.length}] ${name}, ${warmup} + ${duration} s\n`;
    process.stderr.write(styleText('dim', step));
    for (const measured of await measure(platform, driven, { connections, warmup, duration })) {
      const misses = missesOf(measured);
      rows.push([`${prefix}${measured.scenario.name}`, ...cellsOf(measured), verdict(measured, misses)]);
      allMet &&= misses.length === 0;
    }
  }
  process.stdout.write(`\n${renderTable({ columns, rows, notes })}\n`);
  return allMet;
}

function cellsOf({ outcome, usage, cpuMsARequest, residentBytes }: Measured): string[] {
  return [
    (outcome.latencies.length / duration).toFixed(0),
    ...[0.5, 0.95, 0.99].map((q) => `${quantile(outcome, q).toFixed(1)} ms`),
    `${(errorRatioOf(outcome) * 100).toFixed(2)} %`,
    percent(usage.service),
    `${cpuMsARequest.toFixed(1)} ms`,
    `${(residentBytes / 2 ** 20).toFixed(0)} MiB`,
    percent(usage.load),
    percent(usage.machine),
  ];
}

function missesOf({ scenario, outcome, usage }: Measured): string[] {
  return [
    ...(quantile(outcome, 0.95) < scenario.p95Ms ? [] : [`p95 < ${scenario.p95Ms} ms`]),
    ...(errorRatioOf(outcome) < 0.001 ? [] : ['errors < 0.1 %']),
    ...(usage.service < 0.7 ? [] : ['CPU < 70 %']),
  ];
}

function verdict({ scenario }: Measured, misses: string[]): string {
  return misses.length === 0 ? `met: p95 < ${scenario.p95Ms} ms` : `missed: ${misses.join(', ')}`;
}

function errorRatioOf({ failed, latencies }: Outcome): number {
  return failed / Math.max(1, latencies.length);
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
