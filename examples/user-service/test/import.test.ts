import { runChild } from 'kit-tooling/process';
import knexFactory from 'knex';
import {
  appendFileSync,
  createWriteStream,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Engine, engines } from './engines.ts';

const cli = new URL('../src/import/cli.ts', import.meta.url);
const cwd = fileURLToPath(new URL('..', import.meta.url));
/** The process alone takes a third of it; what it reads must not add up. */
const bounded = 400 * 2 ** 20;

/** The most memory that a process has had, in bytes, as Linux knows it; 0 elsewhere. */
function peakMemoryOf(pid: number): () => number {
  let peak = 0;
  const look = () => {
    try {
      const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      peak = Math.max(peak, Number(kilobytes ?? 0) * 1_024);
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(look, 25);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

describe.each(engines)('import-users, on $engine', { timeout: 300_000 }, ({ engine, start: startEngine }) => {
  let database: Engine;
  let folder: string;
  beforeAll(async () => {
    database = await startEngine();
  });
  afterAll(() => database?.stop());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kit-import-'));
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    if (database.env.USER_DATABASE_URL === undefined) return;
    // A server outlives the folder: the next test finds no users, as in a new file.
    const knex = open();
    await knex.raw('drop schema public cascade; create schema public');
    await knex.destroy();
  });

  const file = () => join(folder, 'users.csv');
  const start = (...args: string[]) =>
    runChild(cli, {
      cwd,
      env: { ...database.env, DATA_DIR: folder },
      args: ['--file', file(), ...args],
    });
  const open = () =>
    database.env.USER_DATABASE_URL === undefined
      ? knexFactory({
          client: 'better-sqlite3',
          connection: { filename: join(folder, 'users.sqlite') },
          useNullAsDefault: true,
        })
      : knexFactory({ client: 'pg', connection: database.env.USER_DATABASE_URL });

  async function importFile(content: string | Buffer, ...args: string[]) {
    writeFileSync(file(), content);
    const child = start(...args);
    const { code } = await child.exited;
    const rejectsFile = `${file()}.rejected.csv`;
    const rejects = existsSync(rejectsFile)
      ? readFileSync(rejectsFile, 'utf8').trimEnd().split('\n').slice(1)
      : [];
    return { code, stdout: child.stdout, stderr: child.stderr, rejects };
  }

  async function emails(): Promise<string[]> {
    const knex = open();
    const rows = await knex('users').orderBy('email').pluck('email');
    await knex.destroy();
    return rows;
  }

  it('reads a byte order mark, CR LF, quotes and columns in any order', async () => {
    const result = await importFile(
      '\uFEFFName,Phone,Email\r\n"Lovelace, ""Ada""",+49 30 901820,ADA@example.org\r\nGrace,,grace@example.org\r\n',
    );
    expect(result.stdout).toContain('2 imported, 0 rejected: done');
    expect(await emails()).toEqual(['ada@example.org', 'grace@example.org']);
  });

  it('rejects wrong lines with their number and reason, and imports the others', async () => {
    const lines = [
      'email,name',
      'a@example.org,A',
      'not an address,B',
      'A@Example.org,again',
      'c@example.org',
      'd@example.org,D,extra',
      '"e@example.org,unclosed',
      '',
      'f@example.org,F',
    ];
    const bad = Buffer.from([0x67, 0x40, 0xff, 0xfe, 0x2c, 0x47, 0x0a]);
    const result = await importFile(Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), bad]));
    expect(result.stdout).toContain('2 imported, 6 rejected');
    expect(result.rejects.map((line) => line.split(',', 2)[0])).toEqual(['3', '4', '5', '6', '7', '10']);
    expect(result.rejects.join('\n')).toMatch(
      /3,"email: .*4,"a user with this.*5,"1 fields where.*6,"3 fields.*7,"a quote.*10,"not UTF-8/s,
    );
    expect(await emails()).toEqual(['a@example.org', 'f@example.org']);
  });

  it('rejects a NUL, which a database may not keep, and goes on behind it', async () => {
    const result = await importFile('email,name\na@example.org,A\0\nb@example.org,B\n');
    expect(result.stdout).toContain('1 imported, 1 rejected');
    expect(result.rejects.join('\n')).toContain('2,"name: has characters that cannot be kept"');
  });

  it('does not begin a file twice without --resume', async () => {
    const content = 'email,name\na@example.org,A\n';
    await importFile(content);
    const again = await importFile(content);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('add --resume');
    expect((await importFile(content, '--resume')).stdout).toContain('1 imported, 0 rejected: done');
  });

  // What is wrong with a file is found before the database is asked.
  if (engine === 'SQLite') {
    it.each([
      ['an empty file', '', 'the header is not a line of CSV'],
      ['a missing column', 'email,phone\n', 'the header has no column name'],
      ['a column that stands twice', 'email,name,email\n', 'the header has the column "email" twice'],
    ])('refuses %s', async (_what, content, message) => {
      const result = await importFile(content);
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(message);
    });

    it('says what is missing when it is called wrongly', async () => {
      expect((await runChild(cli, { cwd, env: { ...database.env, DATA_DIR: folder } }).exited).code).toBe(2);
      const child = start();
      expect((await child.exited).code).toBe(1);
      expect(child.stderr).toContain('there is no file');
    });

    it('passes a line of a gigabyte over in bounded memory', async () => {
      writeFileSync(file(), 'email,name\nfirst@example.org,F\nhuge@example.org,');
      // A hole in the file: a gigabyte of zeros that takes no room on the disk.
      truncateSync(file(), 2 ** 30);
      appendFileSync(file(), '\nlast@example.org,L\n');
      const child = start();
      const peak = peakMemoryOf(child.pid);
      expect((await child.exited).code).toBe(0);
      expect(child.stdout).toContain('2 imported, 1 rejected');
      expect(await emails()).toEqual(['first@example.org', 'last@example.org']);
      expect(readFileSync(`${file()}.rejected.csv`, 'utf8')).toContain('3,"the line is too long"');
      expect(peak()).toBeLessThan(bounded);
    });
  }

  it('counts 100,000 lines exactly, however often it is killed and resumed', async () => {
    const total = 100_000;
    const out = createWriteStream(file());
    out.write('email,name\n');
    for (let index = 0; index < total; index += 1) {
      const row = index % 1_000 === 7 ? `broken-${index},B\n` : `user-${index}@example.org,User ${index}\n`;
      if (!out.write(row)) await once(out, 'drain');
    }
    out.end();
    await once(out, 'finish');

    let kills = 0;
    for (const delayMs of [700, 1_200, 1_700]) {
      const child = start('--resume');
      const timer = setTimeout(() => child.signal('SIGKILL'), delayMs);
      const { signal } = await child.exited;
      clearTimeout(timer);
      if (signal === 'SIGKILL') kills += 1;
    }
    expect(kills).toBeGreaterThan(0);
    const last = start('--resume');
    const peak = peakMemoryOf(last.pid);
    expect((await last.exited).code).toBe(0);
    expect(peak()).toBeLessThan(bounded);
    expect(last.stdout).toContain('99900 imported, 100 rejected');
    expect((await emails()).length).toBe(99_900);
    expect(readFileSync(`${file()}.rejected.csv`, 'utf8').trimEnd().split('\n')).toHaveLength(101);
  });
});
