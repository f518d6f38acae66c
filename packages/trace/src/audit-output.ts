import { chainRecord, genesisHash, hashOf } from './audit-chain.js';
import { createAuditFile } from './audit-file.js';
import { complain } from './complain.js';

/** Takes one JSON line, its line break included; the next line waits for the promise. */
export type AuditSink = (line: string) => void | Promise<void>;

/** @internal Writes records one after the other, chains them, and tries again what failed. */
export interface AuditOutput {
  write(this: void, record: object): void;
  flush(this: void): Promise<void>;
  close(this: void): Promise<void>;
}

const retryMs = 1000;
const maxPending = 10_000;

/** @internal */
export function createAuditOutput(
  target: { path: string } | { sink: AuditSink },
  isChained: boolean,
): AuditOutput {
  const file = 'path' in target ? createAuditFile(target.path) : undefined;
  const send: (line: string) => unknown =
    'path' in target ? (line: string) => file!.append(line) : target.sink;
  const pending: object[] = [];
  let waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  let previousHash: string | undefined;
  let busy = false;
  let failing = false;
  let lost = 0;
  let retry: NodeJS.Timeout | undefined;

  // The chain is made when a line is written, so a record that had to be dropped leaves no gap but a count.
  const next = (): { line: string; hash: string } => {
    previousHash ??= hashOf(file?.lastLine() ?? '') ?? genesisHash;
    const record = lost > 0 ? { ...pending[0]!, lostRecords: lost } : pending[0]!;
    return isChained
      ? chainRecord(record, previousHash)
      : { line: JSON.stringify(record), hash: previousHash };
  };

  const pump = (): void => {
    while (!busy && pending.length > 0) {
      try {
        const { line, hash } = next();
        const sent = send(`${line}\n`);
        if (isPromise(sent)) {
          busy = true;
          sent.then(() => resume(hash), fail);
        } else accepted(hash);
      } catch (error) {
        fail(error);
      }
    }
    if (pending.length === 0) settle((waiter) => waiter.resolve());
  };

  const resume = (hash: string): void => {
    accepted(hash);
    again();
  };

  const accepted = (hash: string): void => {
    pending.shift();
    previousHash = hash;
    failing = false;
    lost = 0;
  };

  const fail = (error: unknown): void => {
    busy = true;
    if (!failing) complain(`an audit record could not be written, trying again: ${String(error)}`);
    failing = true;
    retry = setTimeout(again, retryMs).unref();
    settle((waiter) => waiter.reject(error));
  };

  const again = (): void => {
    clearTimeout(retry);
    retry = undefined;
    busy = false;
    pump();
  };

  const settle = (end: (waiter: (typeof waiting)[number]) => void): void => {
    const settled = waiting;
    waiting = [];
    for (const waiter of settled) end(waiter);
  };

  const flush = async (): Promise<void> => {
    const written = new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }));
    if (retry === undefined) pump();
    else again();
    await written;
    await file?.sync();
  };

  return {
    write(record) {
      if (pending.length >= maxPending) lost++;
      else {
        pending.push(record);
        pump();
      }
    },
    flush,
    async close() {
      await flush().catch((error: unknown) => {
        complain(`${pending.length} audit records were never written: ${String(error)}`);
      });
      clearTimeout(retry);
      file?.close();
    },
  };
}

// By shape: `(line) => lines.push(line)` returns a number, and other realms have other promises.
function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | undefined)?.then === 'function';
}
