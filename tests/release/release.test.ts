import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyRepository, packages, publishDry, raiseVersions, unpack } from './rehearsal.ts';

interface Packed {
  name: string;
  version: string;
  license: string;
  repository: { directory: string };
  bin?: Record<string, string>;
  main: string;
  module: string;
  types: string;
  exports: Record<string, unknown>;
  engines: { node: string };
  scripts: Record<string, string>;
  publishConfig: { access: string; provenance: boolean };
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

const folder = mkdtempSync(join(tmpdir(), 'kit-release-'));
const before = new Map<string, string>();
const unpacked = new Map<string, string>();
const versionOf = (name: string) =>
  (readJson(join(folder, 'packages', name, 'package.json')) as Packed).version;

beforeAll(async () => {
  await copyRepository(folder);
  for (const name of packages) before.set(name, versionOf(name));
  await raiseVersions(folder);
  for (const name of packages) unpacked.set(name, await unpack(folder, name));
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the next release', () => {
  it('begins at 0.1.0, and uses up every changeset', () => {
    const unreleased = packages.filter((name) => before.get(name) === '0.0.0');
    expect(unreleased.map(versionOf)).toEqual(unreleased.map(() => '0.1.0'));
    expect(readdirSync(join(folder, '.changeset')).toSorted()).toEqual(['README.md', 'config.json']);
  });

  it('leaves the version of everything private alone', () => {
    const examples = readdirSync(join(folder, 'examples')).map((name) =>
      join(folder, 'examples', name, 'package.json'),
    );
    for (const file of [...examples.filter(existsSync), join(folder, 'tooling/package.json')]) {
      expect(readJson(file)).toMatchObject({ private: true, version: '0.0.0' });
    }
  });

  it('publishes the six packages and nothing else, without asking a registry', async () => {
    const wanted = packages.map((name) => `@kit/${name}@${versionOf(name)}`);
    expect((await publishDry(folder)).toSorted()).toEqual(wanted);
    expect(wanted).toHaveLength(6);
  });
});

describe.each(packages)('what a user gets as @kit/%s', (name) => {
  const fileOf = (path: string) => join(unpacked.get(name)!, path);
  const manifest = () => readJson(fileOf('package.json')) as Packed;
  const files = () =>
    readdirSync(unpacked.get(name)!, { recursive: true })
      .map(String)
      .filter((file) => statSync(fileOf(file)).isFile());

  it('is what was built, its README, LICENSE and CHANGELOG, and nothing else', () => {
    const others = files().filter((file) => !/^dist\/[\w-]+\.(js|cjs|d\.ts|d\.cts)$/.test(file));
    expect(others.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
    for (const file of others) expect(statSync(fileOf(file)).size).toBeGreaterThan(50);
  });

  it('points to no source map, which would lead nowhere', () => {
    for (const file of files().filter((path) => path.startsWith('dist/'))) {
      expect([file, readFileSync(fileOf(file), 'utf8').includes('sourceMappingURL=')]).toEqual([file, false]);
    }
  });

  it('leads each entry to a file that is there, without the condition of this repository', () => {
    const { exports, main, module, types, bin = {} } = manifest();
    const targets = [main, module, types, ...Object.values(bin), ...leavesOf(exports)];
    expect(targets.filter((target) => !existsSync(fileOf(target)))).toEqual([]);
    expect(targets.length).toBeGreaterThan(12);
    // Its scripts may name it: nobody runs them outside of this repository.
    const { scripts: _scripts, ...rest } = manifest();
    expect(JSON.stringify(rest)).not.toMatch(/@kit\/source|workspace:|catalog:/);
  });

  it('depends on no other package of Kit, and on no version that a lockfile must choose', () => {
    const { dependencies = {}, peerDependencies = {} } = manifest();
    expect(
      Object.keys({ ...dependencies, ...peerDependencies }).filter((other) => other.startsWith('@kit/')),
    ).toEqual([]);
    for (const range of Object.values({ ...dependencies, ...peerDependencies })) {
      expect(range).toMatch(/^\^\d+\.\d+\.\d+( \|\| \^\d+\.\d+\.\d+)?$/);
    }
  });

  it('says where it comes from, what it needs, and that its origin is attested', () => {
    expect(manifest()).toMatchObject({
      name: `@kit/${name}`,
      license: 'MIT',
      repository: { directory: `packages/${name}` },
      engines: { node: '>=22' },
      publishConfig: { access: 'public', provenance: true },
    });
  });

  it('tells in its changelog what this version is', () => {
    const changelog = readFileSync(fileOf('CHANGELOG.md'), 'utf8');
    expect(changelog).toMatch(
      new RegExp(`^# @kit/${name}\\n\\n## ${manifest().version.replaceAll('.', '\\.')}\\n`),
    );
    // Sentences for users, not the bare name of a commit.
    for (const entry of changelog.split(/^- /m).slice(1)) expect(entry.length).toBeGreaterThan(40);
  });
});

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function leavesOf(value: unknown): string[] {
  return typeof value === 'string' ? [value] : Object.values(value as object).flatMap(leavesOf);
}
