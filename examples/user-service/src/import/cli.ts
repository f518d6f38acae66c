import { createWriteStream, existsSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { readConfig } from '../config.ts';
import { openDatabase } from '../database.ts';
import { createUserRepository } from '../users/user-repository.ts';
import { importUsers, rejectsOf, type Reject } from './import-users.ts';
import { createProgressBar } from './progress-bar.ts';

const help = `import-users --file users.csv [--mode batch|interactive] [--resume] [--rejects file]

  Columns: email, name, and phone if you like; any order, first line is the header. UTF-8, one user a line.

  --mode interactive  asks before it begins, and whether to go on after 500 rows of which some were rejected
                      (default: batch)
  --resume            goes on where an earlier import of the same file was cut off
  --rejects           where rejected lines go, with reasons  (default: <file>.rejected.csv)
`;

const { values } = parseArgs({
  options: {
    file: { type: 'string' },
    mode: { type: 'string', default: 'batch' },
    resume: { type: 'boolean', default: false },
    rejects: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`import-users: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

async function main(): Promise<number> {
  const { file, mode } = values;
  if (values.help || file === undefined || (mode !== 'batch' && mode !== 'interactive')) {
    process.stderr.write(help);
    return values.help ? 0 : 2;
  }
  if (!existsSync(file)) throw new Error(`there is no file ${file}`);
  const totalBytes = statSync(file).size;
  const ask = mode === 'interactive' ? createQuestion() : undefined;
  const database = await openDatabase(readConfig());
  try {
    if (ask && !(await ask(`Import ${file} (${totalBytes} bytes)?`))) return 0;
    const bar = createProgressBar(totalBytes);
    const result = await importUsers({
      tm: database.tm,
      users: createUserRepository(database.tm),
      file,
      resume: values.resume,
      onProgress: bar.update,
      ...(ask ? { onRejected: (rejects: Reject[]) => ask(describe(rejects)) } : {}),
    });
    bar.end();
    const target = values.rejects ?? `${file}.rejected.csv`;
    if (result.rejected > 0) await writeRejects(target, rejectsOf(database.tm, result.fileHash));
    const where = result.rejected > 0 ? ` (see ${target})` : '';
    const state = result.finished ? 'done' : 'stopped; go on with --resume';
    process.stdout.write(`${result.imported} imported, ${result.rejected} rejected${where}: ${state}\n`);
    return 0;
  } finally {
    await database.close();
  }
}

function createQuestion(): (question: string) => Promise<boolean> {
  return async (question) => {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await terminal.question(`${question} [y/N] `);
    terminal.close();
    return /^y(es)?$/i.test(answer.trim());
  };
}

function describe(rejects: Reject[]): string {
  const shown = rejects.slice(0, 5).map(({ line, reason }) => `  line ${line}: ${reason}`);
  const more = rejects.length > 5 ? `\n  and ${rejects.length - 5} more` : '';
  return `rejected:\n${shown.join('\n')}${more}\nGo on?`;
}

/** From the database, not from memory: complete also when this run resumed another. */
async function writeRejects(file: string, rejects: AsyncIterable<Reject>): Promise<void> {
  const out = createWriteStream(file);
  out.write('line,reason,content\n');
  for await (const { line, reason, content } of rejects) {
    if (!out.write(`${line},${quote(reason)},${quote(content)}\n`)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
