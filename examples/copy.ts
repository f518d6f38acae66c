import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * Copies an example out of the workspace as a service of one's own: `npm run copy -- payment-service ../my-service`.
 * `--packages <folder>` takes archives of the kit packages that are there already.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const leftOut = new Set(['node_modules', 'dist', 'test', '.data']);

interface Manifest {
  name: string;
  description?: string;
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { packages: { type: 'string' } },
});
const [example, target] = positionals;
if (!example || !target || !existsSync(join(root, 'examples', example, 'package.json'))) {
  fail('say what to copy and where to: payment-service, user-service or partners, and a folder');
}
const folder = resolve(target);
const name = basename(folder);
if (!/^[a-z0-9][a-z0-9._-]*$/.test(name)) {
  fail(`the folder's name is the service's: small letters, digits, "-", "." and "_", got ${name}`);
}
if (existsSync(folder) && readdirSync(folder).length > 0) fail(`${folder} is not empty`);

cpSync(join(root, 'examples', example), folder, {
  recursive: true,
  filter: (source) => !leftOut.has(basename(source)),
});
unlink();
if (example.endsWith('-service')) rename(example, name);
// An older Node would install what then crashes.
writeFileSync(join(folder, '.npmrc'), 'engine-strict=true\n');
const packed = values.packages === undefined ? packUnreleased() : resolve(values.packages);
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(standAlone(manifest), undefined, 2)}\n`);
console.log(`${folder} is yours. Next:\n\n  cd ${target}`);
const port = { 'payment-service': 'PAYMENT_PORT=3001 ', 'user-service': 'USER_PORT=3201 ' }[example] ?? '';
for (const command of ['npm install', 'npm run build', `${port}npm start`]) {
  console.log(`  ${withNode(command)}`);
}

/** The command as this machine can run it: the toolchain's Node is not the one that runs the copy. */
function withNode(command: string): string {
  const [, major, minor] = /node\/v(\d+)\.(\d+)/.exec(process.env.npm_config_user_agent ?? '') ?? [];
  const isOld = Number(major) < 22 || (Number(major) === 22 && Number(minor) < 14);
  return isOld ? command.replace('npm', 'npx -y -p node@24 npm') : command;
}

/** The service's name in logs, cache keys, the OpenAPI document and on its database. */
function rename(from: string, to: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !/\.(ts|md)$/.test(entry.name)) continue;
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(from, to));
  }
}

/** Links out of the folder lead nowhere from a copy: their text stays. */
function unlink(): void {
  const readme = join(folder, 'README.md');
  writeFileSync(readme, readFileSync(readme, 'utf8').replaceAll(/\[([^\]]+)\]\(\.\.\/[^)]*\)/g, '$1'));
}

/** Before their first release the kit packages are on no registry: the copy gets them as archives in its folder `kit`. */
function packUnreleased(): string | undefined {
  const { version } = manifestOf('tx');
  if (version !== '0.0.0') return undefined;
  const archives = join(folder, 'kit');
  console.log('building the kit packages, which are not released yet');
  const run = (program: string, args: string[], cwd: string) =>
    execFileSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  run('turbo', ['run', 'build', '--filter=./packages/*', '--output-logs=errors-only'], root);
  for (const name of readdirSync(join(root, 'packages'))) {
    run('pnpm', ['pack', '--pack-destination', archives], join(root, 'packages', name));
  }
  return archives;
}

/** Without what only the workspace understands: `workspace:`, `catalog:`, its test tools. */
function standAlone(original: Manifest): Manifest {
  const { test: _test, ...kept } = original.scripts;
  // The condition that takes the kit packages from their sources, which a copy has not.
  const scripts = Object.fromEntries(
    Object.entries(kept).map(([script, command]) => [
      script,
      command.replace(' --conditions=@kit/source', ''),
    ]),
  );
  const {
    'kit-tooling': _tooling,
    vitest: _vitest,
    '@seriousme/openapi-schema-validator': _validator,
    ...devDependencies
  } = original.devDependencies;
  return {
    ...original,
    name,
    scripts,
    dependencies: withVersions(original.dependencies),
    devDependencies: withVersions(devDependencies),
  };
}

function withVersions(dependencies: Record<string, string>): Record<string, string> {
  const catalog = readCatalog();
  const versionOf = (name: string, range: string) => {
    if (range.startsWith('workspace:')) return packageVersion(name);
    return range === 'catalog:' ? catalog.get(name)! : range;
  };
  return Object.fromEntries(
    Object.entries(dependencies).map(([name, range]) => [name, versionOf(name, range)]),
  );
}

/** The catalog is the last section of pnpm-workspace.yaml, one `name: range` a line. */
function readCatalog(): Map<string, string> {
  const [, section = ''] = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8').split('\ncatalog:\n');
  return new Map(
    section.split('\n').flatMap((line) => {
      const [, name, range] = /^ {2}'?([^':]+)'?: (.+)$/.exec(line) ?? [];
      return name && range ? [[name, range] as const] : [];
    }),
  );
}

/** The published version, or the archive that `pnpm pack` made of it. */
function packageVersion(name: string): string {
  const short = name.replace('@kit/', '');
  if (packed === undefined) return `^${manifestOf(short).version}`;
  const archive = readdirSync(packed).find((file) => new RegExp(`^kit-${short}-\\d.*\\.tgz$`).test(file));
  if (!archive) fail(`${packed} has no archive of ${name}; make it with pnpm pack`);
  return `file:${relative(folder, join(packed, archive))}`;
}

function manifestOf(name: string): { version: string } {
  return JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
}

function fail(text: string): never {
  process.stderr.write(`[kit] ${text}\n`);
  process.exit(1);
}
