import { createReadStream, createWriteStream, existsSync, renameSync } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

export interface ArchiveOptions {
  path: string;
  maxFiles: number;
  gzip: boolean;
}

/** @internal */
export interface Archive {
  /** Moves the active file aside; the caller opens a new one at once. */
  rotate(): void;
  /** Resolves when compression and retention have caught up. */
  settled(): Promise<void>;
}

/**
 * @internal Rotated files: named by the time of rotation, compressed and counted by what lies in the folder, so that an
 * earlier run's files count and one that it left uncompressed is finished.
 */
export function createArchive(options: ArchiveOptions): Archive {
  const { path, maxFiles, gzip } = options;
  const folder = dirname(path);
  const prefix = `${basename(path)}.`;

  const rotatedFiles = async (): Promise<string[]> => {
    const names = await readdir(folder);
    return names.filter((name) => name.startsWith(prefix) && rotated.test(name.slice(prefix.length))).sort();
  };

  const tidy = async (): Promise<void> => {
    await removeLeftovers(folder, prefix);
    const names = await rotatedFiles();
    const surplus = names.slice(0, Math.max(0, names.length - maxFiles));
    for (const name of surplus) await rm(join(folder, name), { force: true });
    if (!gzip) return;
    for (const name of names.slice(surplus.length))
      if (!name.endsWith('.gz')) await compress(join(folder, name));
  };

  // One after the other: two runs at once would compress and count the same files.
  let work = Promise.resolve();
  const schedule = (): void => {
    // A folder that cannot be read or written is reported by the writer; the next rotation tries again.
    work = work.then(tidy).catch(() => {});
  };
  schedule();

  return {
    rotate() {
      renameSync(path, freeName(path));
      schedule();
    },
    settled: () => work,
  };
}

const rotated = /^\d{8}T\d{9}Z-\d{3}(\.gz)?$/;
const leftover = /^\d{8}T\d{9}Z-\d{3}\.gz\.(\d+)\.tmp$/;

function freeName(path: string): string {
  const stamp = new Date().toISOString().replaceAll(/[-:.]/g, '');
  for (let i = 0; ; i++) {
    const name = `${path}.${stamp}-${String(i).padStart(3, '0')}`;
    if (!existsSync(name) && !existsSync(`${name}.gz`)) return name;
  }
}

async function compress(file: string): Promise<void> {
  const temporary = `${file}.gz.${process.pid}.tmp`;
  try {
    const { size } = await stat(file);
    await pipeline(createReadStream(file), createGzip(), createWriteStream(temporary));
    // Another process may have had the file open and written a last line to it.
    if ((await stat(file)).size !== size) return await compress(file);
    await rename(temporary, `${file}.gz`);
    await rm(file, { force: true });
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

// What a process that was killed while it compressed has left behind.
async function removeLeftovers(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const match = name.startsWith(prefix) ? leftover.exec(name.slice(prefix.length)) : null;
    if (match !== null && !isAlive(Number(match[2]))) await rm(join(folder, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
