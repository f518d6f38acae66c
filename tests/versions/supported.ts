import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const packages = readdirSync(`${root}packages`).toSorted();

export interface Manifest {
  name: string;
  version: string;
  engines: { node: string };
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

export const readManifest = (name: string) =>
  JSON.parse(readFileSync(`${root}packages/${name}/package.json`, 'utf8')) as Manifest;

/** `^4.21.0 || ^5.0.0` as its majors: each part begins at the lowest version that is tested and ends before the next major. */
export interface Supported {
  first: string;
  last: string;
}

/**
 * What the packages say they work with: their peers and the libraries they bring along by range. They say it once: two packages
 * that disagree about a peer, or a range whose lowest version nobody could name, are refused.
 */
export function readSupported(): Map<string, Supported> {
  const ranges = new Map<string, string>();
  for (const name of packages) {
    const { dependencies = {}, peerDependencies = {} } = readManifest(name);
    for (const [library, range] of Object.entries({ ...dependencies, ...peerDependencies })) {
      if (range === 'catalog:') continue;
      const said = ranges.get(library) ?? range;
      if (said !== range) throw new Error(`${library} is ${said} elsewhere and ${range} in @kit/${name}`);
      ranges.set(library, range);
    }
  }
  return new Map(
    [...ranges.keys()].toSorted().map((library) => [library, majorsOf(library, ranges.get(library)!)]),
  );
}

function majorsOf(library: string, range: string): Supported {
  const parts = range.split(' || ');
  const odd = parts.find((part) => !/^\^\d+\.\d+\.\d+$/.test(part));
  if (odd !== undefined || parts.length > 2)
    throw new Error(`${library}: "${range}" is not one or two carets`);
  return { first: parts[0]!, last: parts.at(-1)! };
}

/** One installation: every library at one end of one of its majors. */
export interface Column {
  name: string;
  node: string;
  /** better-sqlite3 13 wants Node-API 10, so 22.14. @default node */
  nodeForSqlite?: string;
  /** The version to ask npm for. */
  pick(supported: Supported): string;
  /** What a user of those versions has beside them; not named by any range of ours. */
  beside: Record<string, string>;
}

const lowest = (part: string) => part.slice(1);

/** Between them each library's lowest and highest version, of each of its majors, and the oldest and newest Node. */
export const columns: readonly Column[] = [
  {
    name: 'oldest',
    node: '22.0.0',
    nodeForSqlite: '22.14.0',
    pick: ({ first }) => lowest(first),
    // @nestjs/platform-fastify 11.0.0 and 11.0.1 ask for Nest 10 by mistake.
    beside: {
      '@opentelemetry/context-async-hooks': '^2',
      '@nestjs/platform-express': '11.0.0',
      '@nestjs/platform-fastify': '11.0.3',
      '@types/express': '^4',
    },
  },
  {
    name: 'first major, newest',
    node: '22',
    pick: ({ first }) => first,
    beside: {
      '@opentelemetry/context-async-hooks': '^2',
      '@nestjs/platform-express': '^11',
      '@nestjs/platform-fastify': '^11',
      '@types/express': '^4',
    },
  },
  {
    name: 'last major, oldest',
    node: '24.0.0',
    pick: ({ last }) => lowest(last),
    beside: {
      '@opentelemetry/context-async-hooks': '^2',
      '@nestjs/platform-express': '12.0.1',
      '@nestjs/platform-fastify': '12.0.1',
      '@types/express': '5.0.0',
    },
  },
  {
    name: 'newest',
    node: '26',
    pick: ({ last }) => last,
    beside: {
      '@opentelemetry/context-async-hooks': '^3',
      '@nestjs/platform-express': '^12',
      '@nestjs/platform-fastify': '^12',
      '@types/express': '^5',
    },
  },
];
