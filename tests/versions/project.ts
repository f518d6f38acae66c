import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Column, packages, root, type Supported } from './supported.ts';

const run = promisify(execFile);
const consumer = join(root, 'tests/consumer/fixtures');
const scenarios = join(root, 'tests/versions/scenarios');

/** Drivers and companions that Kit names no version of: the newest. */
const companions = {
  '@types/better-sqlite3': '*',
  '@types/node': '^22',
  'better-sqlite3': '^13',
  pg: '^8',
  'reflect-metadata': '^0.2',
  rxjs: '^7.8',
};

/** The six packages as npm would get them. */
export async function packAll(target: string): Promise<Record<string, string>> {
  mkdirSync(target, { recursive: true });
  await Promise.all(
    packages.map((name) =>
      run('pnpm', ['pack', '--pack-destination', target], { cwd: join(root, 'packages', name) }),
    ),
  );
  const archives = readdirSync(target);
  return Object.fromEntries(
    packages.map((name) => [
      `@kit/${name}`,
      `file:${join(
        target,
        archives.find((file) => file.startsWith(`kit-${name}-`))!,
      )}`,
    ]),
  );
}

/** A project of its own, outside the workspace, with one column's versions; npm decides, and refuses peers that do not fit. */
export async function install(
  folder: string,
  column: Column,
  supported: Map<string, Supported>,
  archives: Record<string, string>,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const libraries = Object.fromEntries(
    [...supported].map(([library, majors]) => [library, column.pick(majors)]),
  );
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({
      name: 'versions',
      private: true,
      type: 'module',
      dependencies: { ...companions, ...libraries, ...column.beside, ...archives },
    }),
  );
  copyFileSync(join(consumer, 'scenario.cjs'), join(folder, 'scenario.cjs'));
  copyFileSync(join(consumer, 'esm/main.mjs'), join(folder, 'esm.mjs'));
  copyFileSync(join(consumer, 'cjs/main.cjs'), join(folder, 'cjs.cjs'));
  copyFileSync(join(consumer, 'nest/main.mjs'), join(folder, 'nest.mjs'));
  for (const file of readdirSync(scenarios)) copyFileSync(join(scenarios, file), join(folder, file));
  const options = ['--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts', '--prefer-offline'];
  await run('npm', ['install', '--loglevel=error', ...options], { cwd: folder });
}

/** What npm made of a range. */
export function installedVersion(folder: string, library: string): string {
  return (
    JSON.parse(readFileSync(join(folder, 'node_modules', library, 'package.json'), 'utf8')) as {
      version: string;
    }
  ).version;
}
