import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
export const packages = readdirSync(join(root, 'packages')).toSorted();
/** Nobody listens there: a rehearsal asks no registry. */
const noRegistry = { pnpm_config_registry: 'http://127.0.0.1:9/', pnpm_config_fetch_retries: '0' };

/** The repository as a release would find it, in a folder of its own, with the packages built. */
export async function copyRepository(folder: string): Promise<void> {
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  for (const file of files.split('\0').filter((name) => name && existsSync(join(root, name)))) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(root, file), join(folder, file));
  }
  const turbo = join(root, 'node_modules/.bin/turbo');
  await run(turbo, ['run', 'build', '--filter=./packages/*', '--output-logs=errors-only'], { cwd: root });
  for (const name of packages) {
    cpSync(join(root, 'packages', name, 'dist'), join(folder, 'packages', name, 'dist'), { recursive: true });
  }
  // Changesets write the commit that brought each of them.
  const identity = ['-c', 'user.name=Release', '-c', 'user.email=release@example.com'];
  for (const args of [
    ['init', '-q'],
    ['add', '-A'],
    [...identity, 'commit', '-qm', 'rehearsal'],
  ]) {
    execFileSync('git', args, { cwd: folder, stdio: 'pipe' });
  }
}

/** `changeset version`, as the release workflow's pull request does it. */
export async function raiseVersions(folder: string): Promise<void> {
  const config = join(folder, '.changeset/config.json');
  const text = readFileSync(config, 'utf8');
  // The copy has no node_modules: the same changelog, by its path here.
  const changelog = join(root, 'node_modules/@changesets/cli/dist/changelog.mjs');
  writeFileSync(config, JSON.stringify({ ...(JSON.parse(text) as object), changelog }));
  await run(process.execPath, [join(root, 'node_modules/@changesets/cli/bin.js'), 'version'], {
    cwd: folder,
  });
  writeFileSync(config, text);
}

/** `name@version` of all that `pnpm -r publish` would send to a registry. */
export async function publishDry(folder: string): Promise<string[]> {
  const args = ['-r', 'publish', '--dry-run', '--no-git-checks', '--access', 'public'];
  const { stdout, stderr } = await run('pnpm', args, { cwd: folder, env: { ...process.env, ...noRegistry } });
  return [...`${stdout}${stderr}`.matchAll(/Skip publishing (\S+) \(dry run\)/g)].map(([, name]) => name!);
}

/** Packs one package and takes the archive apart; the folder with what a user gets. */
export async function unpack(folder: string, name: string): Promise<string> {
  const target = join(folder, '.packed', name);
  mkdirSync(target, { recursive: true });
  await run('pnpm', ['pack', '--pack-destination', target], { cwd: join(folder, 'packages', name) });
  const [archive] = readdirSync(target);
  await run('tar', ['xzf', archive!], { cwd: target });
  return join(target, 'package');
}
