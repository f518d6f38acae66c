import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parseArgs, styleText } from 'node:util';
import { type RunningService, startService } from './platform/children.ts';
import { preflight } from './platform/preflight.ts';
import { planPlatform, type PlatformPlan } from './platform/services.ts';
import { sendTraffic } from './platform/traffic.ts';

/**
 * `npm start`: the example platform on this machine, every service a process; `--watch` restarts them on changes, `--built`
 * runs what was built.
 */
const running: RunningService[] = [];
const colours: Record<string, 'cyan' | 'magenta' | 'green' | 'yellow'> = {
  partners: 'magenta',
  'payment-service': 'cyan',
  'second-instance': 'yellow',
  traffic: 'green',
};
const ending = new AbortController();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => void end(0));
}

// Whoever started us may be killed without a word; then nobody is left to press Ctrl-C.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && void end(0), 500).unref();

try {
  const { values } = parseArgs({
    options: {
      watch: { type: 'boolean', default: false },
      built: { type: 'boolean', default: false },
      'no-traffic': { type: 'boolean', default: false },
    },
  });
  const plan = planPlatform(process.env, () => randomBytes(24).toString('hex'));
  await preflight(plan);
  const { watch, built } = values;
  await startAll(plan, { watch, built });
  printWhere(plan);
  for (const { name, pid } of running) say(name, `${name} is process ${pid}`);
  if (!watch && !values['no-traffic'] && process.env.KIT_TRAFFIC !== 'off') await demonstrate(plan, built);
} catch (error) {
  if (!ending.signal.aborted) {
    process.stderr.write(`[kit] ${error instanceof Error ? error.message : String(error)}\n`);
    await end(1);
  }
}

async function startAll(plan: PlatformPlan, how: { watch: boolean; built: boolean }): Promise<void> {
  let isUp = false;
  for (const service of plan.services) {
    const started = startService(service, { host: plan.host, ...how, say });
    running.push(started);
    void started.exited.then((code) => {
      if (ending.signal.aborted || !isUp) return;
      process.stderr.write(`[kit] ${service.name} ended with code ${code}; stopping the others\n`);
      void end(1);
    });
  }
  await Promise.all(running.map(({ ready }) => ready));
  isUp = true;
  for (const service of running) service.talk();
}

function printWhere({ host, dataDir, adminToken, services }: PlatformPlan): void {
  const payment = `http://${host}:${portOf(services, 'PAYMENT_PORT')}`;
  const rows = services
    .flatMap(({ ports }) => ports)
    .map(
      ({ name, port, framework, does }) =>
        `  ${name.padEnd(16)} http://${host}:${port}  ${framework.padEnd(8)} ${does}`,
    );
  process.stdout.write(`
${styleText('bold', 'The example platform is up.')}

${rows.join('\n')}

  API documents    ${payment}/docs
  health           ${payment}/health (and the same path on every service)
  metrics          ${payment}/metrics
  console          ${payment}/admin/console  (log in with ${adminToken})
  admin            curl -H 'authorization: Bearer ${adminToken}' ${payment}/admin/sagas
  break a partner  curl -X PUT http://${host}:${portOf(services, 'ORDER_PORT')}/faults -H 'content-type: application/json' -d '{"errorRate":1}'
  data             ${process.env.DATABASE_URL ? 'the database of DATABASE_URL' : join(dataDir, 'payment.sqlite')}

  curl ${payment}/v1/payments -H 'idempotency-key: my-first' -H 'content-type: application/json' \\
    -d '{"amount":1250,"currency":"EUR","customerId":"me"}'

Ctrl-C stops everything.

`);
}

async function demonstrate(plan: PlatformPlan, built: boolean): Promise<void> {
  try {
    await sendTraffic({
      paymentUrl: `http://${plan.host}:${portOf(plan.services, 'PAYMENT_PORT')}`,
      rehearsal: () => startRehearsal(plan, built),
      say: (line) => say('traffic', line),
      signal: ending.signal,
    });
  } catch (error) {
    if (!ending.signal.aborted) say('traffic', `stopped: ${String(error)}`);
  }
}

/** Another payment-service with a database of its own: it fails for show and takes nobody with it. */
async function startRehearsal({ services, host, dataDir }: PlatformPlan, built: boolean) {
  const original = services.find(({ name }) => name === 'payment-service')!;
  const port = await freePort(host);
  const service = startService(
    {
      ...original,
      name: 'second-instance',
      env: {
        ...original.env,
        PAYMENT_PORT: String(port),
        DATA_DIR: join(dataDir, 'second-instance'),
        DATABASE_URL: '',
        REDIS_URL: '',
        LOG_FILE: '',
        AUDIT_FILE: '',
        BREAKER_OPEN_MS: '2000',
      },
      ports: [{ ...original.ports[0]!, port }],
    },
    { host, watch: false, built, say },
  );
  running.push(service);
  await service.ready;
  service.talk();
  return { url: `http://${host}:${port}`, stop: () => service.stop() };
}

async function end(code: number): Promise<void> {
  if (ending.signal.aborted) return;
  ending.abort();
  await Promise.all(running.map((service) => service.stop()));
  process.exit(code);
}

async function freePort(host: string): Promise<number> {
  const probe = createServer().listen(0, host);
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

function portOf(services: PlatformPlan['services'], variable: string): number {
  return services.flatMap(({ ports }) => ports).find((entry) => entry.variable === variable)!.port;
}

function say(service: string, line: string): void {
  process.stdout.write(`${styleText(colours[service] ?? 'white', service.padEnd(15))} ${line}\n`);
}
