import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from 'kit-tooling/servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  cleanEnvironment,
  copyContext,
  environmentIn,
  readDockerfile,
  runSteps,
  valuesOf,
} from './dockerfile.ts';

const folder = mkdtempSync(join(tmpdir(), 'kit-image-'));
const repository = join(folder, 'build/src');
const template = join(folder, 'template/src');
const shipped = new Set(['dist', 'node_modules', 'package.json']);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the Dockerfile', () => {
  const [build, service] = readDockerfile({ PORT: '3200' });

  it('builds in one stage and ships another, both from a pinned Node', () => {
    for (const { image } of [build!, service!]) expect(image).toMatch(/^node:\d+\.\d+\.\d+-bookworm-slim$/);
    expect(valuesOf(service!, 'RUN')).toEqual([]);
    for (const copy of valuesOf(service!, 'COPY')) expect(copy).toMatch(/^--from=build /);
  });

  it('runs as a user without rights, node as its first process', () => {
    expect(valuesOf(service!, 'USER')).toEqual(['1000:1000']);
    expect(JSON.parse(valuesOf(service!, 'CMD')[0]!)).toEqual(['node', 'dist/main.js']);
  });

  it('asks /health/live at the port of the service', () => {
    expect(environmentIn(service!).LIVE_URL).toBe('http://127.0.0.1:3200/health/live');
    expect(valuesOf(service!, 'HEALTHCHECK')[0]).toContain('process.env.LIVE_URL');
  });
});

describe('its steps, run as a script in a clean copy', () => {
  beforeAll(() => {
    copyContext(repository);
    // What must never get that far.
    const context = join(folder, 'context');
    mkdirSync(join(context, 'examples/payment-service/.data'), { recursive: true });
    for (const file of ['.env', 'examples/payment-service/.env.production', 'server.key', 'kept.ts']) {
      writeFileSync(join(context, file), '');
    }
    copyContext(join(folder, 'sent'), context);
    runSteps(repository, { SERVICE: 'payment-service' });
  }, 600_000);

  it('never see a secret or what an earlier build left', () => {
    const sent = readdirSync(join(folder, 'sent'), { recursive: true }).map(String);
    expect(new Set(sent)).toEqual(new Set(['examples', 'examples/payment-service', 'kept.ts']));
  });

  it('leave the built service and what it needs at run time, nothing else', () => {
    const out = join(repository, '../out');
    expect(new Set(readdirSync(out))).toEqual(shipped);
    const modules = readdirSync(join(out, 'node_modules'));
    expect(modules).toContain('fastify');
    for (const tool of ['tsup', 'tsx', 'typescript', 'vitest', 'kit-tooling'])
      expect(modules).not.toContain(tool);
    const kit = new Set(['breaker', 'errors', 'health', 'metrics', 'trace', 'tx']);
    expect(new Set(readdirSync(join(out, 'node_modules/@kit')))).toEqual(kit);
    expect(existsSync(join(out, 'node_modules/@kit/tx/src'))).toBe(false);
  });

  it('make a payment-service that is healthy by its HEALTHCHECK, writes only /data, and ends well', async () => {
    await proveImage(join(repository, '..'), { portName: 'PAYMENT_PORT' });
  });

  it('do the same for a template that was copied out of the repository', async () => {
    const packed = join(folder, 'packed');
    mkdirSync(packed);
    const pnpm = join(repository, 'tools/pnpm/node_modules/.bin/pnpm');
    for (const name of ['errors', 'health', 'metrics', 'trace']) {
      execFileSync(pnpm, ['pack', '--pack-destination', packed], {
        cwd: join(repository, 'packages', name),
        env: cleanEnvironment(),
        stdio: 'ignore',
      });
    }
    execFileSync(process.execPath, ['examples/copy.ts', 'partners', template, '--packages', packed], {
      cwd: repository,
      env: cleanEnvironment(),
      stdio: 'ignore',
    });
    runSteps(template, {});
    expect(new Set(readdirSync(join(template, '../out')))).toEqual(shipped);
    expect(readdirSync(join(template, '../out/node_modules'))).not.toContain('tsup');
    await proveImage(join(template, '..'), { portName: 'RISK_PORT' });
  }, 600_000);
});

/** Starts what the steps left as the second stage would, asks its HEALTHCHECK, and stops it as Docker would. */
async function proveImage(stage: string, { portName }: { portName: string }): Promise<void> {
  const port = String(await freePort());
  const [, service] = readDockerfile({ PORT: port });
  const data = join(stage, 'data');
  const isRoot = process.getuid?.() === 0;
  const [uid, gid] = valuesOf(service!, 'USER')[0]!.split(':').map(Number) as [number, number];
  // Somebody else's node may lie where that user cannot look.
  const node = join(folder, 'node');
  if (!existsSync(node)) copyFileSync(process.execPath, node);
  chmodSync(folder, 0o755);
  if (isRoot) chownSync(data, uid, gid);

  const env = {
    ...cleanEnvironment(),
    ...environmentIn(service!),
    DATA_DIR: data,
    ORDER_PORT: '0',
    CHANNEL_PORT: '0',
    [portName]: port,
    SHUTDOWN_DELAY_MS: '0',
    // Nobody listens there: what sends spans is loaded, and in nobody's way.
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
  };
  const options = { cwd: join(stage, 'out'), env, ...(isRoot && { uid, gid }) };
  const [, ...command] = JSON.parse(valuesOf(service!, 'CMD')[0]!) as [string, ...string[]];
  const [, ...check] = JSON.parse(valuesOf(service!, 'HEALTHCHECK')[0]!.replace(/^.*?CMD /, '')) as string[];
  const isHealthy = () => spawnSync(node, check, options).status === 0;

  expect(isHealthy()).toBe(false);
  const child = spawn(node, command, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  try {
    for (let attempt = 0; attempt < 600 && child.exitCode === null && !isHealthy(); attempt += 1)
      await delay(250);
    expect({ isHealthy: isHealthy(), output }).toMatchObject({ isHealthy: true });
    expect(readdirSync(data).some((file) => file.endsWith('.sqlite'))).toBe(true);
  } finally {
    child.kill('SIGTERM');
  }
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
  expect({ code, output }).toMatchObject({ code: 0 });
  expect(isHealthy()).toBe(false);
}
