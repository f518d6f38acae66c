import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify, stripVTControlCharacters, styleText } from 'node:util';
import { startPostgres, startRedis } from 'kit-tooling/servers';
import { fetchNode } from '../../scripts/nodes.mjs';
import { install, installedVersion, packAll } from './project.ts';
import { type Column, columns, readSupported } from './supported.ts';

/**
 * Installs the packed packages beside the lowest and the highest version of everything they say they work with, and puts them to
 * work there, on real servers: `node --conditions=@kit/source --import tsx tests/versions/main.ts [--only oldest,newest] [--keep]`.
 */
const scenarios: { name: string; args: string[]; env?: NodeJS.ProcessEnv; onSqlite?: true }[] = [
  { name: 'Express and Fastify, ESM', args: ['esm.mjs'], onSqlite: true },
  {
    name: '… @prometheus-io/client',
    args: ['esm.mjs'],
    env: { PROM_CLIENT: '@prometheus-io/client' },
    onSqlite: true,
  },
  { name: '… CommonJS', args: ['cjs.cjs'], onSqlite: true },
  { name: 'Nest on both platforms', args: ['nest.mjs'] },
  { name: 'knex on SQLite and PostgreSQL', args: ['knex.mjs'], onSqlite: true },
  { name: 'ioredis', args: ['redis.mjs'] },
  { name: 'bullmq', args: ['bullmq.mjs'], onSqlite: true },
  { name: 'pino', args: ['logging.mjs'] },
  { name: 'zod', args: ['validation.mjs'] },
  { name: 'OpenTelemetry', args: ['spans.mjs'] },
];

const { values } = parseArgs({ options: { only: { type: 'string' }, keep: { type: 'boolean' } } });
const chosen = columns.filter(({ name }) => !values.only || values.only.split(',').includes(name));
const run = promisify(execFile);
const outside = mkdtempSync(join(tmpdir(), 'kit-versions-'));
const supported = readSupported();
const startedAt = performance.now();
const [postgres, redis, archives] = await Promise.all([
  startPostgres(),
  startRedis(),
  packAll(join(outside, 'packed')),
]);
try {
  const failures: string[] = [];
  const results = new Map<Column, boolean[]>();
  // Two at a time: one waits for the registry while the other works.
  for (let index = 0; index < chosen.length; index += 2) {
    await Promise.all(
      chosen.slice(index, index + 2).map(async (column) => {
        results.set(column, await proveColumn(column, failures));
      }),
    );
  }
  printVersions();
  printResults(results);
  for (const failure of failures) process.stdout.write(`\n${styleText('red', failure)}\n`);
  process.stdout.write(`\n[versions] ${Math.round((performance.now() - startedAt) / 1000)} s\n`);
  process.exitCode = failures.length === 0 ? 0 : 1;
} finally {
  await Promise.all([postgres.stop(), redis.stop()]);
  if (values.keep) process.stdout.write(`[versions] kept in ${outside}\n`);
  else rmSync(outside, { recursive: true, force: true });
}

function folderOf(column: Column): string {
  return join(outside, column.name.replaceAll(/\W+/g, '-'));
}

async function proveColumn(column: Column, failures: string[]): Promise<boolean[]> {
  const folder = folderOf(column);
  const node = fetchNode(column.node);
  const nodeForSqlite = fetchNode(column.nodeForSqlite ?? column.node);
  await install(folder, column, supported, archives);
  const env = {
    ...process.env,
    NODE_OPTIONS: '',
    POSTGRES_URL: postgres.url,
    REDIS_URL: redis.url,
    // Columns share the servers.
    SCHEMA: `versions_${columns.indexOf(column)}`,
  };
  const passed: boolean[] = [];
  for (const { name, args, env: own, onSqlite } of scenarios) {
    try {
      await run(onSqlite ? nodeForSqlite : node, args, {
        cwd: folder,
        env: { ...env, ...own },
        timeout: 300_000,
        maxBuffer: 64 * 1024 * 1024,
      });
      passed.push(true);
    } catch (error) {
      const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string };
      failures.push(`${column.name}, ${name}:\n${tail(stdout)}\n${tail(stderr) || message}`);
      passed.push(false);
    }
  }
  return passed;
}

function tail(text: string): string {
  return stripVTControlCharacters(text).trim().split('\n').slice(-25).join('\n');
}

function printVersions(): void {
  const rows = [...supported.keys()].map((library) => [
    library,
    ...chosen.map((column) => installedVersion(folderOf(column), library)),
  ]);
  printTable([['', ...chosen.map(({ name }) => name)], ['node', ...chosen.map(({ node }) => node)], ...rows]);
}

function printResults(results: Map<Column, boolean[]>): void {
  printTable(
    scenarios.map(({ name }, index) => [
      name,
      ...chosen.map((column) => (results.get(column)![index] ? 'ok' : 'FAILED')),
    ]),
  );
}

function printTable(rows: string[][]): void {
  process.stdout.write('\n');
  for (const row of rows) {
    process.stdout.write(
      `${row
        .map((cell, index) => cell.padEnd(index === 0 ? 32 : 20))
        .join(' ')
        .trimEnd()}\n`,
    );
  }
}
