import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The Node that npm has for this platform and version (`22`: the newest of it, `22.0.0`: that one), kept in node_modules/.cache. */
export function fetchNode(version) {
  const folder = join(root, 'node_modules/.cache/kit-node', version);
  const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`];
  const find = () =>
    names.map((name) => join(folder, 'node_modules', name, 'bin/node')).find((file) => existsSync(file));
  for (const name of names) {
    if (find()) break;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    spawnSync(
      'npm',
      ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${version}`],
      { cwd: folder, encoding: 'utf8' },
    );
  }
  const node = find();
  if (!node) throw new Error(`npm has no Node ${version} for ${process.platform} ${process.arch}`);
  return node;
}
