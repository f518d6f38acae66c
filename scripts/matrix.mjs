#!/usr/bin/env node
// Runs a project's tests on every Node that Kit supports, with the binaries that npm ships:
//   node scripts/matrix.mjs [--node 22,24,26] [vitest arguments, default: --project trace]
import { spawnSync } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchNode } from './nodes.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
const at = args.indexOf('--node');
const majors = at === -1 ? ['22', '24', '26'] : args.splice(at, 2)[1].split(',');
const vitestArgs = args.length > 0 ? args : ['--project', 'trace'];

const failed = majors.filter((major) => {
  const node = fetchNode(major);
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  process.stdout.write(`\n[matrix] Node ${version}: vitest run ${vitestArgs.join(' ')}\n`);
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const env = { ...process.env, PATH: [dirname(node), process.env.PATH].join(delimiter) };
  return spawnSync(node, [vitest, 'run', ...vitestArgs], { cwd: root, stdio: 'inherit', env }).status !== 0;
});
process.stdout.write(
  `\n[matrix] ${failed.length === 0 ? `passed on Node ${majors.join(', ')}` : `FAILED on Node ${failed.join(', ')}`}\n`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
