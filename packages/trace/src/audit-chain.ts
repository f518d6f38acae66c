import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** What `verifyAuditLog` found. */
export interface AuditVerification {
  ok: boolean;
  /** Records in the file. */
  records: number;
  /** The first record, counted from 1, that does not follow from the one before it. */
  brokenAt?: number;
}

/** @internal What stands before the first record. */
export const genesisHash = '0'.repeat(64);

const hashEnd = /,"hash":"([0-9a-f]{64})"\}$/;

/** @internal A record as its line, and its hash: sha256 over the record with the hash of the record before it. */
export function chainRecord(record: object, previousHash: string): { line: string; hash: string } {
  const body = JSON.stringify({ ...record, previousHash });
  const hash = sha256(body);
  return { line: `${body.slice(0, -1)},"hash":"${hash}"}`, hash };
}

/** @internal The hash a line ends with. */
export function hashOf(line: string): string | undefined {
  return hashEnd.exec(line)?.[1];
}

/**
 * Checks that no record of an audit log was changed, taken out, added or moved. What was cut off at the end cannot be
 * seen: keep the last hash elsewhere if that matters.
 *
 * @throws the file system's error if the file cannot be read.
 * @example
 * ```ts
 * import { verifyAuditLog } from '@kit/trace';
 *
 * const { ok, records, brokenAt } = await verifyAuditLog('logs/audit.log');
 * console.log(ok ? `${records} records` : `broken at record ${brokenAt}`);
 * ```
 */
export async function verifyAuditLog(path: string): Promise<AuditVerification> {
  let records = 0;
  let brokenAt: number | undefined;
  let previous = genesisHash;
  const input = createReadStream(path);
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    records++;
    if (brokenAt !== undefined) continue;
    if (follows(line, previous)) previous = hashOf(line)!;
    else brokenAt = records;
  }
  return brokenAt === undefined ? { ok: true, records } : { ok: false, records, brokenAt };
}

function follows(line: string, previousHash: string): boolean {
  const hash = hashOf(line);
  if (hash === undefined) return false;
  const body = line.replace(hashEnd, '}');
  return body.endsWith(`,"previousHash":"${previousHash}"}`) && sha256(body) === hash;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
