import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs that no npm package ships. `scripts/kit.mjs` installs them for CI on Debian. */
const programs = {
  mariadb: { files: ['mariadbd', 'mysqld'], packages: 'mariadb-server' },
  redis: { files: ['redis-server'], packages: 'redis-server' },
  prometheus: { files: ['prometheus'], packages: 'prometheus' },
  promtool: { files: ['promtool'], packages: 'prometheus' },
  chromium: { files: ['chromium', 'chromium-browser', 'google-chrome'], packages: 'chromium' },
} as const;

export type ServerKind = keyof typeof programs;

const reported = new Set<ServerKind>();

/**
 * Whether a suite that needs this program can run here: `describe.runIf(hasServer('redis'))(…)`.
 * Where it is missing, one line says how to get it. Under CI nothing may be skipped, so there it throws.
 */
export function hasServer(kind: ServerKind): boolean {
  if (findProgram(kind)) return true;
  const { files, packages } = programs[kind];
  const hint = `${files[0]} is not on PATH: suites that need it are skipped. Debian: apt-get install --no-install-recommends ${packages}`;
  if (process.env.CI === 'true') throw new Error(hint);
  if (!reported.has(kind)) {
    reported.add(kind);
    process.stderr.write(`[kit-tooling] ${hint}\n`);
  }
  return false;
}

export function requireProgram(kind: ServerKind): string {
  const file = findProgram(kind);
  if (!file)
    throw new Error(
      `${programs[kind].files[0]} is not on PATH. Debian: apt-get install ${programs[kind].packages}`,
    );
  return file;
}

/** A program of the given name on PATH or in the folders where Debian keeps daemons. */
export function findOnPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function findProgram(kind: ServerKind): string | undefined {
  for (const name of programs[kind].files) {
    const file = findOnPath(name);
    if (file) return file;
  }
  return undefined;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
