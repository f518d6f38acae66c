import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { columns, packages, readManifest, readSupported, root } from './supported.ts';

const document = readFileSync(`${root}docs/versions.md`, 'utf8');
const supported = readSupported();

describe('docs/versions.md', () => {
  it('names each peer with exactly the range that the packages declare', () => {
    const rows = [...document.matchAll(/^\| (`.+?`) +\| (`.+?`) +\|/gm)].flatMap(([, names, range]) =>
      names!.split(', ').map((name) => [unquote(name), unquote(range!)]),
    );
    const declared = [...supported].map(([name, { first, last }]) => [
      name,
      first === last ? first : `${first} || ${last}`,
    ]);
    expect(new Map(rows as [string, string][])).toEqual(new Map(declared as [string, string][]));
  });

  it('names the versions of Node that the columns run on', () => {
    const majors = columns.map(({ node }) => node.split('.')[0]!);
    expect(document).toContain(`| ${[...new Set(majors)].join(', ')}: from ${columns[0]!.node} on `);
  });
});

describe('the columns', () => {
  it('hold the lowest and the highest of every major', () => {
    for (const majors of supported.values()) {
      const picked = new Set(columns.map((column) => column.pick(majors)));
      const wanted = [majors.first, majors.last].flatMap((range) => [range, range.slice(1)]);
      expect(picked).toEqual(new Set(wanted));
    }
  });
});

describe.each(packages)('@kit/%s', (name) => {
  const { engines, peerDependencies = {}, peerDependenciesMeta = {} } = readManifest(name);

  it('says that it needs the oldest Node that is tested', () => {
    expect(engines.node).toBe(`>=${columns[0]!.node.split('.')[0]}`);
  });

  it('makes nobody install a framework: every peer but its own subject is optional', () => {
    const required = Object.keys(peerDependencies).filter((peer) => !peerDependenciesMeta[peer]?.optional);
    expect(required).toEqual(name === 'tx' ? ['knex'] : []);
    expect(Object.keys(peerDependencies)).toEqual(expect.arrayContaining(Object.keys(peerDependenciesMeta)));
  });
});

function unquote(text: string): string {
  return text.replaceAll(/[`\\]/g, '');
}
