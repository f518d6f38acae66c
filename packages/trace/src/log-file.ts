import { closeSync, fdatasync, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { ensureFolder } from './ensure-folder.js';
import { optionalBoolean, show, wholeNumber } from './check.js';
import { complain } from './complain.js';
import { createArchive } from './log-archive.js';

export interface LogFileOptions {
  /** The active file; its folder is created. Rotated files lie beside it: `app.log.20261121T124620123Z-000.gz`. */
  path: string;
  /**
   * Size at which the file rotates, in bytes, at least 1; a line is never cut.
   * @default 10 MB (10 * 1024 * 1024)
   */
  maxBytes?: number;
  /**
   * Rotated files that are kept, the active one not counted, those of earlier runs included.
   * @default 30
   */
  maxFiles?: number;
  /**
   * Whether rotated files are compressed.
   * @default true
   */
  gzip?: boolean;
}

/** @internal */
export interface LogFile {
  write(this: void, line: string): void;
  flush(): Promise<void>;
  close(): Promise<void>;
  readonly lostLines: number;
}

const retryMs = 1000;
const lookMs = 1000;

/**
 * @internal A log file that is written through: a line is with the kernel when `write` returns, so neither an exit, a
 * crash nor a signal can take it away (docs/decisions/2026-11-21-trace-log-file.md).
 */
export function createLogFile(options: LogFileOptions): LogFile {
  const { path } = options;
  if (typeof path !== 'string' || path === '')
    throw new TypeError(`file.path must be a path, got ${show(path)}`);
  const maxBytes = wholeNumber('file.maxBytes', options.maxBytes, 10 * 1024 * 1024, 1);
  const maxFiles = wholeNumber('file.maxFiles', options.maxFiles, 30, 0);
  optionalBoolean('file.gzip', options.gzip);
  const archive = createArchive({ path, maxFiles, gzip: options.gzip ?? true });

  let fd: number | undefined;
  let size = 0;
  let rotates = true;
  // Whether the file ends in the middle of a line: cut by a full disk, or by the end of an earlier run.
  let torn = false;
  let closed = false;
  let lostLines = 0;
  let lostBefore = 0;
  let retryAt: number | undefined;
  let lookAt = 0;
  let rotateAt = 0;

  const open = (): number => {
    ensureFolder(dirname(path));
    fd = openSync(path, 'a+');
    const stats = fstatSync(fd);
    // A pipe or /dev/null must never be renamed.
    rotates = stats.isFile();
    size = stats.size;
    torn = endsTorn(fd, size);
    lookAt = Date.now() + lookMs;
    return fd;
  };

  const shut = (): void => {
    if (fd === undefined) return;
    const old = fd;
    fd = undefined;
    try {
      closeSync(old);
    } catch {
      // Nothing is lost: every line was written before.
    }
  };

  // The file may have been moved away by logrotate, or rotated by another process that writes to it.
  const stillOurs = (open: number): boolean => {
    try {
      return statSync(path).ino === fstatSync(open).ino;
    } catch {
      return false;
    }
  };

  const isFull = (bytes: number): boolean =>
    rotates && size > 0 && size + bytes > maxBytes && Date.now() >= rotateAt;

  const rotate = (): void => {
    try {
      archive.rotate();
      rotateAt = 0;
    } catch (error) {
      // A file that is too large is better than lines that are lost.
      if (rotateAt === 0) complain(`cannot rotate ${path}, it grows until it can: ${String(error)}`);
      rotateAt = Date.now() + retryMs;
    }
  };

  const ready = (bytes: number): number => {
    let current = fd ?? open();
    const full = isFull(bytes);
    if (full || Date.now() >= lookAt) {
      lookAt = Date.now() + lookMs;
      if (!stillOurs(current)) {
        shut();
        current = open();
      }
      if (isFull(bytes)) {
        shut();
        rotate();
        current = open();
      }
    }
    return current;
  };

  const append = (line: string): void => {
    let text = line;
    let length = Buffer.byteLength(line);
    const current = ready(length);
    if (torn) {
      text = `\n${line}`;
      length += 1;
    }
    // As a text, since a buffer would be one more copy of every line. The kernel takes it whole unless the disk is full.
    let done = took(writeSync(current, text), length);
    if (done === length) return;
    const bytes = Buffer.from(text);
    while (done < length) done += took(writeSync(current, bytes, done), length - done);
  };

  const took = (written: number, offered: number): number => {
    size += written;
    torn = written < offered;
    return written;
  };

  const lose = (error: unknown): void => {
    if (retryAt === undefined) {
      complain(`cannot write ${path}, lines are lost until it can: ${String(error)}`);
      lostBefore = lostLines;
    }
    retryAt = Date.now() + retryMs;
    lostLines++;
    shut();
  };

  const write = (line: string): void => {
    if (closed) return;
    if (retryAt !== undefined && Date.now() < retryAt) {
      lostLines++;
      return;
    }
    try {
      append(retryAt === undefined ? line : noticeOfLoss(lostLines - lostBefore) + line);
      retryAt = undefined;
    } catch (error) {
      lose(error);
    }
  };

  return {
    write,
    get lostLines() {
      return lostLines;
    },
    async flush() {
      if (fd !== undefined) await sync(fd);
      await archive.settled();
    },
    async close() {
      closed = true;
      shut();
      await archive.settled();
    },
  };
}

const newline = 0x0a;
const sync = promisify(fdatasync);

function endsTorn(fd: number, size: number): boolean {
  const last = Buffer.alloc(1);
  return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== newline;
}

function noticeOfLoss(lost: number): string {
  const notice = { level: 40, time: Date.now(), pid: process.pid, lostLines: lost };
  return `${JSON.stringify({ ...notice, msg: 'the log file can be written again' })}\n`;
}
