import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { runChild } from 'kit-tooling/process';
import { describe, expect, it, vi } from 'vitest';
import { createLogger } from '../src/index.js';

const child = new URL('./children/log-lines.ts', import.meta.url);
const newPath = () => join(mkdtempSync(join(tmpdir(), 'kit-log-')), 'logs', 'app.log');
const parse = (text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, any>);
const linesOf = (path: string) => parse(readFileSync(path, 'utf8'));
const rotatedOf = (path: string) =>
  readdirSync(dirname(path))
    .filter((name) => name.startsWith(`${basename(path)}.`))
    .sort();
const allLines = (path: string) => [
  ...rotatedOf(path).flatMap((name) => {
    const bytes = readFileSync(join(dirname(path), name));
    return parse((name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString());
  }),
  ...linesOf(path),
];

describe('the file log, at the end of a process', () => {
  it.each([
    ['process.exit', 'exit', { code: 3, signal: null }],
    ['an unhandled exception', 'throw', { code: 1, signal: null }],
    ['an unhandled rejection', 'reject', { code: 1, signal: null }],
    ['a natural end', 'none', { code: 0, signal: null }],
  ])('loses no line on %s', async (_, ending, exit) => {
    const path = newPath();
    await expect(runChild(child, { args: [path, ending] }).exited).resolves.toEqual(exit);
    expect(linesOf(path).map((line) => line.n)).toEqual(Array.from({ length: 501 }, (_, n) => n));
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)('loses no line on %s', async (signal) => {
    const path = newPath();
    const running = runChild(child, { args: [path, 'signal'] });
    await running.waitFor('ready');
    running.signal(signal);
    await expect(running.exited).resolves.toEqual({ code: null, signal });
    expect(linesOf(path)).toHaveLength(501);
  });
});

describe('the file log, rotation', () => {
  it('rotates by size, compresses, and keeps every line in order', async () => {
    const path = newPath();
    const logger = createLogger({ console: false, file: { path, maxBytes: 4096 } });
    for (let n = 0; n < 200; n++)
      logger.info({ n }, 'a line of about a hundred and twenty bytes, all in all');
    await logger.flush();
    expect(rotatedOf(path).length).toBeGreaterThan(3);
    expect(rotatedOf(path).every((name) => /^app\.log\.\d{8}T\d{9}Z-\d{3}\.gz$/.test(name))).toBe(true);
    expect(readFileSync(path).length).toBeLessThanOrEqual(4096);
    expect(allLines(path).map((line) => line.n)).toEqual(Array.from({ length: 200 }, (_, n) => n));
    await logger.close();
  });

  it('keeps maxFiles rotated files, the active one not counted, over restarts', async () => {
    const path = newPath();
    for (let run = 0; run < 4; run++) {
      const logger = createLogger({ console: false, file: { path, maxBytes: 1024, maxFiles: 3 } });
      for (let n = 0; n < 30; n++) logger.info({ n: run * 30 + n }, 'line');
      await logger.close();
      expect(rotatedOf(path).length).toBeLessThanOrEqual(3);
    }
    expect(rotatedOf(path)).toHaveLength(3);
    expect(existsSync(path)).toBe(true);
    expect(allLines(path).at(-1)).toMatchObject({ n: 119 });
  });

  it('never cuts a line that is larger than the file may be, and may keep no rotated file', async () => {
    const path = newPath();
    const logger = createLogger({ console: false, file: { path, maxBytes: 1, maxFiles: 0 } });
    for (let n = 0; n < 5; n++) logger.info({ n }, 'line');
    await logger.close();
    expect(rotatedOf(path)).toEqual([]);
    expect(allLines(path).map((line) => line.n)).toEqual([4]);
  });

  it('does not compress when told so', async () => {
    const path = newPath();
    const logger = createLogger({ console: false, file: { path, maxBytes: 1024, gzip: false } });
    for (let n = 0; n < 30; n++) logger.info({ n }, 'line');
    await logger.close();
    expect(rotatedOf(path).some((name) => name.endsWith('.gz'))).toBe(false);
    expect(allLines(path)).toHaveLength(30);
  });

  it('finishes what a killed process left half compressed', async () => {
    const path = newPath();
    mkdirSync(dirname(path), { recursive: true });
    const rotated = `${path}.20260101T000000000Z-000`;
    writeFileSync(rotated, '{"n":0}\n');
    writeFileSync(`${rotated}.gz.999999999.tmp`, 'half');
    const logger = createLogger({ console: false, file: { path } });
    logger.info({ n: 1 }, 'line');
    await logger.flush();
    expect(rotatedOf(path)).toEqual([`${basename(rotated)}.gz`]);
    expect(allLines(path).map((line) => line.n)).toEqual([0, 1]);
    await logger.close();
  });

  it('leaves files alone that only look alike', async () => {
    const path = newPath();
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.bak`, 'mine');
    const logger = createLogger({ console: false, file: { path, maxBytes: 1024, maxFiles: 1 } });
    for (let n = 0; n < 50; n++) logger.info({ n }, 'line');
    await logger.close();
    expect(readFileSync(`${path}.bak`, 'utf8')).toBe('mine');
  });

  it.runIf(process.platform !== 'win32')('never rotates what is no file', async () => {
    const path = newPath();
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync('/dev/null', path);
    const logger = createLogger({ console: false, file: { path, maxBytes: 1024 } });
    for (let n = 0; n < 50; n++) logger.info({ n }, 'line');
    await logger.close();
    expect(rotatedOf(path)).toEqual([]);
    expect(logger.lostLines).toBe(0);
  });

  it('follows when logrotate moves the file away', async () => {
    const path = newPath();
    let time = Date.now();
    const now = vi.spyOn(Date, 'now').mockImplementation(() => time);
    const logger = createLogger({ console: false, file: { path } });
    logger.info('before');
    renameSync(path, `${path}.moved`);
    time += 2000;
    logger.info('after');
    now.mockRestore();
    expect(linesOf(path)).toMatchObject([{ msg: 'after' }]);
    expect(linesOf(`${path}.moved`)).toMatchObject([{ msg: 'before' }]);
    await logger.close();
  });

  it('starts a new line behind one that an earlier run left unfinished', async () => {
    const path = newPath();
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '{"cut":');
    const logger = createLogger({ console: false, file: { path } });
    logger.info('whole');
    await logger.close();
    expect(JSON.parse(readFileSync(path, 'utf8').split('\n')[1]!)).toMatchObject({ msg: 'whole' });
  });
});

describe('the file log, when it cannot write', () => {
  const quiet = () => {
    const said: string[] = [];
    const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
    return { said, done: () => spy.mockRestore() };
  };

  it('warns once, counts lost lines, and goes on once it can', async () => {
    const path = newPath();
    // A file where the folder should be stands for a read-only folder: root may write to one of those.
    writeFileSync(dirname(path), '');
    let time = Date.now();
    const now = vi.spyOn(Date, 'now').mockImplementation(() => time);
    const stderr = quiet();
    const logger = createLogger({ console: false, file: { path } });
    for (let n = 0; n < 10; n++) logger.info({ n }, 'lost');
    time += 2000;
    logger.info('lost, too');
    expect(logger.lostLines).toBe(11);
    rmSync(dirname(path));
    time += 2000;
    logger.info('kept');
    stderr.done();
    now.mockRestore();
    expect(stderr.said).toHaveLength(1);
    expect(stderr.said[0]).toContain(`cannot write ${path}`);
    expect(linesOf(path)).toMatchObject([{ level: 40, lostLines: 11 }, { msg: 'kept' }]);
    await logger.close();
  });

  // Not even root can make a folder there.
  it.runIf(process.platform === 'linux')('survives a folder that cannot be made', async () => {
    const stderr = quiet();
    const logger = createLogger({ console: false, file: { path: '/proc/kit-log/app.log' } });
    expect(() => logger.error('lost')).not.toThrow();
    await logger.close();
    stderr.done();
    expect(logger.lostLines).toBe(1);
    expect(stderr.said).toHaveLength(1);
  });

  it.runIf(process.platform !== 'win32')('survives a full disk (RLIMIT_FSIZE)', async () => {
    const path = newPath();
    const file = fileURLToPath(new URL('./children/limited-log.ts', import.meta.url));
    const tsx = fileURLToPath(import.meta.resolve('tsx'));
    const command = `ulimit -f 8; exec "${process.execPath}" --conditions=@kit/source --import "${tsx}" "${file}" "${path}"`;
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command], {
      env: { ...process.env, TSX_DISABLE_CACHE: '1' },
    });
    const lost = Number(/alive, lost (\d+)/.exec(stdout)?.[1]);
    expect(lost).toBeGreaterThan(0);
    expect(stderr.match(/cannot write/g)).toHaveLength(1);
    const whole = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line.endsWith('}'));
    expect(whole.length + lost).toBe(200);
  });

  it('grows beyond maxBytes rather than lose lines when it cannot rotate', async () => {
    const path = newPath();
    const stderr = quiet();
    const name = vi.spyOn(Date.prototype, 'toISOString').mockReturnValue('no/such/folder');
    const logger = createLogger({ console: false, file: { path, maxBytes: 1024 } });
    for (let n = 0; n < 50; n++) logger.info({ n }, 'line');
    name.mockRestore();
    stderr.done();
    expect(linesOf(path)).toHaveLength(50);
    expect(logger.lostLines).toBe(0);
    expect(stderr.said).toHaveLength(1);
    expect(stderr.said[0]).toContain(`cannot rotate ${path}`);
    await logger.close();
  });

  it('writes nothing after close', async () => {
    const path = newPath();
    await using logger = createLogger({ console: false, file: { path } });
    logger.info('kept');
    await logger.close();
    logger.info('not kept');
    expect(linesOf(path)).toHaveLength(1);
  });
});
