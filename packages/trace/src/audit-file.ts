import {
  appendFileSync,
  closeSync,
  fdatasync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { ensureFolder } from './ensure-folder.js';

/** @internal An append-only file of whole lines. */
export interface AuditFile {
  /** The last line of the file, opened where it was not. */
  lastLine(): string | undefined;
  append(line: string): void;
  sync(): Promise<void>;
  close(): void;
}

/** @internal Written through like the log file; a line that does not fit whole is taken back. */
export function createAuditFile(path: string): AuditFile {
  let fd: number | undefined;

  const open = (): number => {
    if (fd !== undefined) return fd;
    ensureFolder(dirname(path));
    const opened = openSync(path, 'a+');
    try {
      setTornEndAside(opened, path);
    } catch (error) {
      closeSync(opened);
      throw error;
    }
    fd = opened;
    return opened;
  };

  return {
    lastLine: () => readLastLine(open()),
    append(line) {
      const file = open();
      const { size } = fstatSync(file);
      const bytes = Buffer.from(line);
      try {
        for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
      } catch (error) {
        ftruncateSync(file, size);
        throw error;
      }
    },
    async sync() {
      if (fd !== undefined) await promisify(fdatasync)(fd);
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

// The machine went down in the middle of a line. The part is evidence, but no record: it is kept beside the log.
function setTornEndAside(fd: number, path: string): void {
  const { size } = fstatSync(fd);
  const { text, start } = readTail(fd, size);
  if (text === '' || text.endsWith('\n')) return;
  const torn = text.slice(text.lastIndexOf('\n') + 1);
  appendFileSync(`${path}.torn`, `${torn}\n`);
  ftruncateSync(fd, start + Buffer.byteLength(text) - Buffer.byteLength(torn));
}

function readLastLine(fd: number): string | undefined {
  const { text } = readTail(fd, fstatSync(fd).size);
  return text.split('\n').findLast((line) => line !== '');
}

// The end of the file, far enough back to hold the last whole line.
function readTail(fd: number, size: number): { text: string; start: number } {
  for (let length = 64 * 1024; ; length *= 4) {
    const start = Math.max(0, size - length);
    const bytes = Buffer.alloc(size - start);
    readSync(fd, bytes, 0, bytes.length, start);
    const firstBreak = bytes.indexOf(10);
    // Start at a line border, so that no character is cut in two.
    const from = start === 0 ? 0 : firstBreak + 1;
    const text = bytes.toString('utf8', from);
    if (start === 0 || (firstBreak !== -1 && text.indexOf('\n') !== -1)) return { text, start: start + from };
  }
}
