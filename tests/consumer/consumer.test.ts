import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { proveTemplate } from './template.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));
const packages = ['breaker', 'errors', 'health', 'metrics', 'trace', 'tx'];

/** Outside the workspace, where neither its node_modules nor its export condition can help. */
let outside: string;
let tarballs: Record<string, string>;

beforeAll(async () => {
  outside = mkdtempSync(join(tmpdir(), 'kit-consumer-'));
  const turbo = join(root, 'node_modules/.bin/turbo');
  await run(turbo, ['run', 'build', '--filter=./packages/*', '--output-logs=errors-only'], { cwd: root });
  tarballs = Object.fromEntries(await Promise.all(packages.map(async (name) => [name, await pack(name)])));
}, 600_000);
afterAll(() => rmSync(outside, { recursive: true, force: true }));

async function pack(name: string): Promise<string> {
  const target = join(outside, 'tarballs', name);
  mkdirSync(target, { recursive: true });
  // scripts/kit.mjs puts it there.
  await run('pnpm', ['pack', '--pack-destination', target], { cwd: join(root, 'packages', name) });
  return join(target, readdirSync(target)[0]!);
}

/** A fresh project with the packed packages, beside what the fixture itself asks for. */
async function install(fixture: string): Promise<string> {
  const folder = join(outside, fixture);
  cpSync(join(fixtures, fixture), folder, { recursive: true });
  cpSync(join(fixtures, 'scenario.cjs'), join(folder, 'scenario.cjs'));
  const manifest = join(folder, 'package.json');
  const { dependencies, ...rest } = JSON.parse(readFileSync(manifest, 'utf8'));
  for (const name of packages) dependencies[`@kit/${name}`] = `file:${tarballs[name]}`;
  writeFileSync(manifest, JSON.stringify({ ...rest, dependencies }));
  await run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts'], {
    cwd: folder,
  });
  return folder;
}

async function execute(folder: string, ...args: string[]): Promise<string> {
  // Under vitest NODE_OPTIONS and NODE_ENV say things that a user's project would not.
  const { NODE_OPTIONS: _options, NODE_ENV: _env, VITEST: _vitest, ...env } = process.env;
  const { stdout, stderr } = await run(process.execPath, args, { cwd: folder, env, timeout: 300_000 });
  return stdout + stderr;
}

describe.concurrent('the packed packages in a project that is not ours', { timeout: 600_000 }, () => {
  it('load in ESM and CommonJS with no framework installed', async () => {
    const folder = await install('core-only');
    expect(readdirSync(join(folder, 'node_modules'))).not.toContain('express');
    expect(readdirSync(join(folder, 'node_modules'))).not.toContain('fastify');
    expect(await execute(folder, 'main.mjs')).toContain('cores: ok');
    expect(await execute(folder, 'main.cjs')).toContain('cores: ok');
    expect(await execute(folder, 'both-copies.mjs')).toContain('one trace: ok');
  });

  it('serve requests in an ESM project with Express and Fastify', async () => {
    const folder = await install('esm');
    expect(await execute(folder, 'main.mjs')).toMatch(/^express: ok$[^]*^fastify: ok$/m);
  });

  it('serve requests in a CommonJS project with Express and Fastify', async () => {
    const folder = await install('cjs');
    expect(await execute(folder, 'main.cjs')).toMatch(/^express: ok$[^]*^fastify: ok$/m);
  });

  it('serve requests in a Nest project on both platforms', async () => {
    const folder = await install('nest');
    expect(await execute(folder, 'main.mjs')).toMatch(/^nest on express: ok$[^]*^nest on fastify: ok$/m);
  });

  it('run payment-service, copied out of the workspace as a template', async () => {
    await proveTemplate(outside, tarballs);
  });

  it('load under Jest', async () => {
    const folder = await install('jest');
    expect(await execute(folder, 'node_modules/jest/bin/jest.js')).toMatch(/Tests:\s+2 passed, 2 total/);
  });
});
