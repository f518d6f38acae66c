import { randomUUID } from 'node:crypto';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs, styleText } from 'node:util';
import autocannon from 'autocannon';
import { renderTable } from '../bench/report.ts';
import { startPlatform } from './platform.ts';
import { cpuSecondsOf, residentBytesOf } from './process-metrics.ts';

const help = `npm run load -- [--duration 10] [--rate 100] [--connections 20]

  Drives the example platform on loopback and compares it with its targets. Uses the platform that runs on
  PAYMENT_PORT and USER_PORT; starts one of its own, with a data folder of its own, where none does.

  --duration     seconds for each scenario (1 to 300)
  --rate         requests a second in each scenario (1 to 10000)
  --connections  keep-alive connections (1 to 200)
`;
const { values } = parseArgs({
  options: {
    duration: { type: 'string', default: '10' },
    rate: { type: 'string', default: '100' },
    connections: { type: 'string', default: '20' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}
const duration = wholeNumber('duration', values.duration, 300);
const rate = wholeNumber('rate', values.rate, 10_000);
const connections = wholeNumber('connections', values.connections, 200);

interface Scenario {
  name: string;
  service: 'payment' | 'user';
  p95Ms: number;
  method: 'GET' | 'POST';
  /** Of the rate asked for. @default 1 */
  share?: number;
  path(): string;
  body?(): unknown;
  headers?(): Record<string, string>;
}

const platform = await startPlatform();
try {
  process.exitCode = (await main()) ? 0 : 1;
} finally {
  await platform.close();
}

async function main(): Promise<boolean> {
  const account = { email: `load-${randomUUID()}@example.org`, password: 'correct horse battery' };
  await post(`${platform.user}/auth/register`, { ...account, name: 'Load' });
  const login = await post(`${platform.user}/auth/login`, account);
  const payment = await post(`${platform.payment}/v1/payments`, paymentBody(), {
    'idempotency-key': randomUUID(),
  });
  const scenarios: Scenario[] = [
    {
      name: 'POST /v1/payments',
      service: 'payment',
      p95Ms: 200,
      method: 'POST',
      path: () => '/v1/payments',
      body: paymentBody,
      headers: () => ({ 'idempotency-key': randomUUID() }),
    },
    {
      name: 'GET /v1/payments/:id',
      service: 'payment',
      p95Ms: 200,
      method: 'GET',
      path: () => `/v1/payments/${String(payment.id)}`,
    },
    {
      // Hashing a password takes a core some 20 ms on purpose, so nobody logs in a hundred times a second.
      name: 'POST /auth/login',
      service: 'user',
      p95Ms: 100,
      method: 'POST',
      share: 0.1,
      path: () => '/auth/login',
      body: () => account,
    },
    {
      name: 'GET /auth/me',
      service: 'user',
      p95Ms: 100,
      method: 'GET',
      path: () => '/auth/me',
      headers: () => ({ authorization: `Bearer ${String(login.accessToken)}` }),
    },
    {
      name: 'POST /phone/validate',
      service: 'user',
      p95Ms: 200,
      method: 'POST',
      path: () => '/phone/validate',
      body: () => ({ phone: '+49 1512 3456789' }),
    },
  ];

  const rows: string[][] = [];
  let allMet = true;
  for (const [index, scenario] of scenarios.entries()) {
    process.stderr.write(
      styleText('dim', `[${index + 1}/${scenarios.length}] ${scenario.name}, ${duration} s\n`),
    );
    const { cells, met } = await drive(scenario);
    rows.push(cells);
    allMet &&= met;
  }
  const columns = ['scenario', 'requests/s', 'p50', 'p95', 'p99', 'errors', 'CPU', 'memory', 'targets'];
  const machine = `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}; the load came from the same machine. CPU is of one core, of the service that was asked.`;
  process.stdout.write(`\n${renderTable({ columns, rows, notes: machine })}\n`);
  return allMet;
}

async function drive(scenario: Scenario): Promise<{ cells: string[]; met: boolean }> {
  const url = platform[scenario.service];
  const latencies: number[] = [];
  const startedAt = performance.now();
  const cpuBefore = await cpuSecondsOf(url);
  let failed = 0;
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const options: autocannon.Options = {
      url,
      connections,
      duration,
      overallRate: Math.max(1, Math.round(rate * (scenario.share ?? 1))),
      requests: [
        {
          method: scenario.method,
          setupRequest: (request) => ({
            ...request,
            path: scenario.path(),
            headers: { 'content-type': 'application/json', ...scenario.headers?.() },
            ...(scenario.body ? { body: JSON.stringify(scenario.body()) } : {}),
          }),
        },
      ],
    };
    const instance = autocannon(options, (error: unknown, done) => (error ? reject(error) : resolve(done)));
    instance.on('response', (_client, status, _bytes, ms) => {
      latencies.push(ms);
      if (status >= 400) failed += 1;
    });
  });
  const cpu = ((await cpuSecondsOf(url)) - cpuBefore) / ((performance.now() - startedAt) / 1_000);
  const memory = await residentBytesOf(url);
  latencies.sort((a, b) => a - b);
  const quantile = (q: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? Number.NaN;
  const errorRatio = (failed + result.errors) / Math.max(1, latencies.length + result.errors);
  const misses = [
    ...(quantile(0.95) < scenario.p95Ms ? [] : [`p95 < ${scenario.p95Ms} ms`]),
    ...(errorRatio < 0.001 ? [] : ['errors < 0.1 %']),
    ...(cpu < 0.7 ? [] : ['CPU < 70 %']),
  ];
  const met = misses.length === 0;
  const cells = [
    scenario.name,
    (latencies.length / duration).toFixed(0),
    `${quantile(0.5).toFixed(1)} ms`,
    `${quantile(0.95).toFixed(1)} ms`,
    `${quantile(0.99).toFixed(1)} ms`,
    `${(errorRatio * 100).toFixed(2)} %`,
    `${(cpu * 100).toFixed(0)} %`,
    `${(memory / 2 ** 20).toFixed(0)} MiB`,
    met ? 'met' : `missed: ${misses.join(', ')}`,
  ];
  return { cells, met };
}

function paymentBody() {
  return { amount: 1_250, currency: 'EUR', customerId: 'load' };
}

async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  process.stderr.write(`--${name} must be a whole number from 1 to ${max}, got ${text}\n`);
  process.exit(2);
}
