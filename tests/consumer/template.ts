import { runChild } from 'kit-tooling/process';
import { freePort } from 'kit-tooling/servers';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** What examples/README.md tells a team to do on its first day: copy payment-service, install, add the guide's use case, start, take a payment. */
export async function proveTemplate(outside: string, tarballs: Record<string, string>): Promise<void> {
  const packages = join(outside, 'packed');
  mkdirSync(packages, { recursive: true });
  for (const archive of Object.values(tarballs)) copyFileSync(archive, join(packages, basename(archive)));
  const folder = join(outside, 'my-payments');
  await run(
    join(root, 'node_modules/.bin/tsx'),
    ['examples/copy.ts', 'payment-service', folder, '--packages', packages],
    { cwd: root },
  );
  await run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts'], {
    cwd: folder,
  });
  followTheGuide(folder);
  await run(join(folder, 'node_modules/.bin/tsc'), ['--noEmit', '-p', '.'], { cwd: folder });
  await run(join(folder, 'node_modules/.bin/tsup'), [], { cwd: folder });

  const [PAYMENT_PORT, ORDER_PORT, CHANNEL_PORT, RISK_PORT] = (
    await Promise.all([1, 2, 3, 4].map(() => freePort()))
  ).map(String) as [string, string, string, string];
  const partners = runChild(new URL('../../examples/partners/src/main.ts', import.meta.url), {
    env: { ORDER_PORT, CHANNEL_PORT, RISK_PORT, DATA_DIR: join(outside, 'partners'), SHUTDOWN_DELAY_MS: '0' },
  });
  const { NODE_OPTIONS: _options, NODE_ENV: _env, VITEST: _vitest, DATABASE_URL: _url, ...env } = process.env;
  const service = spawn(process.execPath, ['dist/main.js'], {
    cwd: folder,
    env: {
      ...env,
      PAYMENT_PORT,
      ORDER_URL: `http://127.0.0.1:${ORDER_PORT}`,
      CHANNEL_URL: `http://127.0.0.1:${CHANNEL_PORT}`,
      RISK_URL: `http://127.0.0.1:${RISK_PORT}`,
      SHUTDOWN_DELAY_MS: '0',
      // Other projects are installed and compiled meanwhile.
      PARTNER_TIMEOUT_MS: '30000',
      REQUEST_DEADLINE_MS: '100000',
      ADMIN_TOKEN: 'the-token-of-the-first-day',
    },
    stdio: 'ignore',
  });
  try {
    await partners.waitFor(/risk-service listens/, 150_000);
    await untilReady(`http://127.0.0.1:${PAYMENT_PORT}`);
    const paid = await fetch(`http://127.0.0.1:${PAYMENT_PORT}/v1/payments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'the-first-one' },
      body: JSON.stringify({ amount: 1_250, currency: 'EUR', customerId: 'me' }),
    });
    expect(paid.status).toBe(201);
    const payment = (await paid.json()) as { id: string; status: string };
    expect(payment.status).toBe('paid');
    const dispute = () =>
      fetch(`http://127.0.0.1:${PAYMENT_PORT}/v1/payments/${payment.id}/disputes`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ reason: 'never arrived' }),
      });
    expect([(await dispute()).status, (await dispute()).status]).toEqual([201, 409]);
    await openConsole(`http://127.0.0.1:${PAYMENT_PORT}/admin/console`);
  } finally {
    service.kill('SIGTERM');
    partners.signal('SIGTERM');
    await Promise.all([service.exitCode ?? once(service, 'exit'), partners.exited]);
  }
}

/** The page lies beside the bundle, and the token opens it. */
async function openConsole(url: string): Promise<void> {
  const login = await fetch(`${url}/login`, {
    method: 'POST',
    body: new URLSearchParams({ token: 'the-token-of-the-first-day' }),
    redirect: 'manual',
  });
  const [cookie = ''] = login.headers.get('set-cookie')?.split(';') ?? [];
  const page = await (await fetch(url, { headers: { cookie } })).text();
  const assets = [...page.matchAll(/assets\/[\w.-]+/g)].map(([path]) => path);
  expect(assets).toContain('assets/main.js');
  for (const asset of assets) expect((await fetch(`${url}/${asset}`)).status).toBe(200);
}

/** Does what docs/guides/first-service.md says, with the code that stands there. */
function followTheGuide(folder: string): void {
  const guide = readFileSync(join(root, 'docs/guides/first-service.md'), 'utf8');
  const [domain, migration, repository, useCase, code, route, register, wiring] = [
    ...guide.matchAll(/```ts no-check\n([^]*?)```/g),
  ].map(([, block]) => block!);
  const source = join(folder, 'src');
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(source, file)), { recursive: true });
    writeFileSync(join(source, file), text);
  };
  const edit = (file: string, ...changes: [at: string, insert: string][]) => {
    let text = readFileSync(join(source, file), 'utf8');
    for (const [at, insert] of changes) {
      expect(text).toContain(at);
      text = text.replace(at, () => insert + at);
    }
    write(file, text);
  };

  write('domain/dispute/dispute.ts', domain!);
  edit('infrastructure/migrations.ts', ['];\n', migration!]);
  write('infrastructure/dispute-repository.ts', repository!);
  write('application/dispute-payment.ts', useCase!);
  edit('interface/errors.ts', ['    SYS_LEDGER_UNBALANCED', code!]);
  write('interface/routes/disputes.ts', route!);
  edit(
    'interface/app.ts',
    [
      'import { errors }',
      "import { disputeRoutes, type DisputeRoutesOptions } from './routes/disputes.ts';\n",
    ],
    ['    SettlementRoutesOptions,\n', '    DisputeRoutesOptions,\n'],
    ['  await app.register(adminRoutes', register!],
  );
  edit(
    'composition.ts',
    [
      'import { createApp }',
      "import { disputePaymentUseCase } from './application/dispute-payment.ts';\n" +
        "import { createDisputeRepository } from './infrastructure/dispute-repository.ts';\n",
    ],
    ['    settlements: settlementQueries(', wiring!],
  );
}

async function untilReady(url: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const isReady = await fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
    if (attempt === 1_500) throw new Error(`${url} is not ready after 150 s`);
    await delay(100);
  }
}
