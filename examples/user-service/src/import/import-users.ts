import type { TransactionManager } from '@kit/tx';
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { UserRepository } from '../users/user-repository.ts';
import { type Line, linesOf } from './lines.ts';
import { createRowReader, type ImportedUser, type ParsedRow } from './user-csv.ts';

export interface ImportResult {
  imported: number;
  rejected: number;
}

export interface ImportProgress extends ImportResult {
  line: number;
  bytesRead: number;
}

export interface ImportOptions {
  tm: TransactionManager;
  users: UserRepository;
  file: string;
  /** Goes on behind the last line of an earlier run of the same file; else such a run is an error. */
  resume: boolean;
  /** Rows a transaction. @default 500 */
  chunkSize?: number;
  /** @default 65536 */
  maxLineBytes?: number;
  onProgress?: (progress: ImportProgress) => void;
  /** Asked after a chunk with rejected rows; false ends the import there, to be resumed. */
  onRejected?: (reasons: Reject[]) => Promise<boolean>;
}

export interface Reject {
  line: number;
  reason: string;
  content: string;
}

interface ImportState {
  file_hash: string;
  file: string;
  last_line: number;
  imported: number;
  rejected: number;
  finished: boolean;
}

/** As drivers give it: a bigint column comes as text. */
type ImportRow = Omit<ImportState, 'last_line' | 'imported' | 'rejected'> &
  Record<'last_line' | 'imported' | 'rejected', number | string>;

type RejectRow = Omit<Reject, 'line'> & { file_hash: string; line: number | string };

/**
 * Streams a CSV file into the users, a transaction a chunk. The position is written in the same transaction as the
 * rows: whatever kills the process, a resumed import counts each line exactly once.
 */
export async function importUsers(
  options: ImportOptions,
): Promise<ImportResult & { fileHash: string; finished: boolean }> {
  const { tm, users, file, resume, chunkSize = 500, maxLineBytes = 65_536 } = options;
  const fileHash = await hashOf(file);
  const state = await begin(tm, fileHash, file, resume);
  const stream = createReadStream(file);
  const save = async (rows: { line: number; row: ParsedRow; content: string }[]): Promise<Reject[]> => {
    const outcome = await tm.run({ retry: { attempts: 5 } }, () => saveChunk(tm, users, state, rows));
    Object.assign(state, outcome.state);
    const { last_line: line, imported, rejected } = state;
    options.onProgress?.({ line, imported, rejected, bytesRead: stream.bytesRead });
    return outcome.rejects;
  };

  const lines = linesOf(stream, maxLineBytes);
  const header = await lines.next();
  const readRow = createRowReader(header.done ? undefined : header.value.bytes);
  let chunk: { line: number; row: ParsedRow; content: string }[] = [];
  for await (const line of lines) {
    if (line.number <= state.last_line || isBlank(line)) continue;
    chunk.push({ line: line.number, row: readRow(line.bytes), content: excerptOf(line) });
    if (chunk.length < chunkSize) continue;
    const rejects = await save(chunk);
    chunk = [];
    if (rejects.length > 0 && (await options.onRejected?.(rejects)) === false) return resultOf(state);
  }
  if (chunk.length > 0) await save(chunk);
  await tm.run(async () => {
    await tm.db<ImportRow>('imports').where({ file_hash: fileHash }).update({ finished: true });
  });
  state.finished = true;
  return resultOf(state);
}

/** Everything that was rejected of a file, in the order of its lines, a page at a time. */
export async function* rejectsOf(tm: TransactionManager, fileHash: string): AsyncGenerator<Reject> {
  for (let after = 0; ;) {
    const page = await tm.read(async () =>
      tm
        .db<RejectRow>('import_rejects')
        .where({ file_hash: fileHash })
        .where('line', '>', after)
        .orderBy('line')
        .limit(1_000),
    );
    for (const { line, reason, content } of page) yield { line: Number(line), reason, content };
    if (page.length < 1_000) return;
    after = Number(page.at(-1)!.line);
  }
}

async function begin(
  tm: TransactionManager,
  fileHash: string,
  file: string,
  resume: boolean,
): Promise<ImportState> {
  return tm.run(async () => {
    const found = await tm.db<ImportRow>('imports').where({ file_hash: fileHash }).first();
    if (!found) {
      const fresh = { file_hash: fileHash, file, last_line: 1, imported: 0, rejected: 0, finished: false };
      await tm.db<ImportRow>('imports').insert(fresh);
      return fresh;
    }
    const at = `${found.imported} imported, ${found.rejected} rejected, up to line ${found.last_line}`;
    if (!resume) throw new Error(`this file was begun before (${at}); add --resume to go on from there`);
    return {
      ...found,
      last_line: Number(found.last_line),
      imported: Number(found.imported),
      rejected: Number(found.rejected),
    };
  });
}

async function saveChunk(
  tm: TransactionManager,
  users: UserRepository,
  before: ImportState,
  rows: { line: number; row: ParsedRow; content: string }[],
): Promise<{ state: Partial<ImportState>; rejects: Reject[] }> {
  const valid = rows.flatMap(({ row }) => ('user' in row ? [row.user.email] : []));
  const taken = await users.existingEmails(valid);
  const accepted: ImportedUser[] = [];
  const rejects: Reject[] = [];
  for (const { line, row, content } of rows) {
    if ('reason' in row) rejects.push({ line, reason: row.reason, content });
    else if (taken.has(row.user.email))
      rejects.push({ line, reason: 'a user with this e-mail address exists', content });
    else {
      taken.add(row.user.email);
      accepted.push(row.user);
    }
  }
  const now = new Date();
  const asUsers = accepted.map((user) => ({
    ...user,
    id: randomUUID(),
    role: 'user' as const,
    // They set a password by the reset of their mail address; until then nobody can log in.
    passwordHash: null,
    createdAt: now,
    updatedAt: now,
  }));
  // SQLite takes at most 999 values a statement in its older builds.
  for (let from = 0; from < asUsers.length; from += 100) await users.insert(asUsers.slice(from, from + 100));
  for (let from = 0; from < rejects.length; from += 200) {
    const page = rejects
      .slice(from, from + 200)
      .map((reject) => ({ ...reject, file_hash: before.file_hash }));
    await tm.db('import_rejects').insert(page);
  }
  const state = {
    last_line: rows.at(-1)!.line,
    imported: before.imported + accepted.length,
    rejected: before.rejected + rejects.length,
  };
  await tm.db<ImportRow>('imports').where({ file_hash: before.file_hash }).update(state);
  return { state, rejects };
}

const resultOf = ({ imported, rejected, file_hash: fileHash, finished }: ImportState) => ({
  imported,
  rejected,
  fileHash,
  finished,
});

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

const isBlank = ({ bytes }: Line): boolean => bytes !== undefined && bytes.length === 0;

/** What the rejects file shows of a line: enough to find it, never a gigabyte, and no NUL, which PostgreSQL does not keep. */
const excerptOf = ({ bytes }: Line): string =>
  bytes ? bytes.toString('utf8').slice(0, 1_000).replaceAll('\0', '\uFFFD').toWellFormed() : '';
