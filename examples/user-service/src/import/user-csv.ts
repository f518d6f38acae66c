import { parse } from 'csv-parse/sync';
import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import { importRow, toE164 } from '../schemas.ts';
import { normaliseEmail } from '../users/user.ts';

export interface ImportedUser {
  email: string;
  name: string;
  phone: string | null;
}

export type ParsedRow = { user: ImportedUser } | { reason: string };

const required = ['email', 'name'] as const;

/** Reads the header and gives the reader of the rows. @throws Error when a column is missing or stands twice */
export function createRowReader(header: Buffer | undefined): (bytes: Buffer | undefined) => ParsedRow {
  const fields = header && fieldsOf(header);
  if (!Array.isArray(fields))
    throw new Error(`the header is not a line of CSV${fields ? `: ${fields.reason}` : ''}`);
  const columns = fields.map((field) => field.trim().toLowerCase());
  const missing = required.filter((name) => !columns.includes(name));
  if (missing.length > 0) {
    throw new Error(
      `the header has no column ${missing.join(', ')}; it has: ${columns.join(', ').slice(0, 200)}`,
    );
  }
  const twice = columns.find((name, index) => columns.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`the header has the column "${twice}" twice`);
  return (bytes) => readRow(columns, bytes);
}

function readRow(columns: string[], bytes: Buffer | undefined): ParsedRow {
  if (!bytes) return { reason: 'the line is too long' };
  const fields = fieldsOf(bytes);
  if (!Array.isArray(fields)) return fields;
  if (fields.length !== columns.length) {
    return { reason: `${fields.length} fields where the header has ${columns.length}` };
  }
  const record = Object.fromEntries(columns.map((name, index) => [name, fields[index]!]));
  const parsed = importRow.safeParse({ phone: '', ...record });
  if (!parsed.success) return { reason: reasonOf(parsed.error) };
  const { email, name, phone } = parsed.data;
  return { user: { email: normaliseEmail(email), name, phone: phone ? toE164(phone) : null } };
}

/** The fields of one line. A field may be quoted, but may not contain a line break. */
function fieldsOf(bytes: Buffer): string[] | { reason: string } {
  if (!isUtf8(bytes)) return { reason: 'not UTF-8' };
  try {
    const [fields] = parse(bytes, { bom: true, relax_column_count: true });
    return fields ?? { reason: 'the line is empty' };
  } catch (error) {
    return {
      reason:
        (error as { code?: string }).code === 'CSV_QUOTE_NOT_CLOSED' ? 'a quote is not closed' : 'not CSV',
    };
  }
}

const reasonOf = (error: z.ZodError): string =>
  error.issues
    .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    .join('; ')
    .slice(0, 500);
