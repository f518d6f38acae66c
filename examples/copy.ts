import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * Copies an example out of the workspace as a service of one's own:
 * `npx tsx examples/copy.ts payment-service ../my-service [--packages <folder with packed packages>]`.
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
if (existsSync(folder) && readdirSync(folder).length > 0) fail(`${folder} is not empty`);

cpSync(join(root, 'examples', example), folder, {
  recursive: true,
  filter: (source) => !leftOut.has(basename(source)),
});
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(standAlone(manifest), undefined, 2)}\n`);
console.log(`${folder} is yours. Next: cd ${target} && npm install && npm run build && npm start`);

/** Without what only the workspace understands: `workspace:`, `catalog:`, its test tools. */
function standAlone({ dependencies, devDependencies, scripts, ...rest }: Manifest): Manifest {
  const { test: _test, ...ownScripts } = scripts;
  const {
    'kit-tooling': _tooling,
    vitest: _vitest,
    '@seriousme/openapi-schema-validator': _validator,
    ...ownDevDependencies
  } = devDependencies;
  return {
    ...rest,
    name: basename(folder),
    scripts: ownScripts,
    dependencies: withVersions(dependencies),
    devDependencies: withVersions(ownDevDependencies),
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
  if (values.packages !== undefined) {
    const packed = resolve(values.packages);
    const archive = readdirSync(packed).find((file) => new RegExp(`^kit-${short}-\\d.*\\.tgz$`).test(file));
    if (!archive) fail(`${packed} has no archive of ${name}; make it with pnpm pack`);
    return `file:${join(packed, archive)}`;
  }
  const { version } = JSON.parse(readFileSync(join(root, 'packages', short, 'package.json'), 'utf8')) as {
    version: string;
  };
  return `^${version}`;
}

function fail(text: string): never {
  process.stderr.write(`[kit] ${text}\n`);
  process.exit(1);
}
