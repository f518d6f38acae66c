import { messageOf, read, readArray } from './read.js';

/**
 * A schema for details: anything that implements Standard Schema (zod 4, valibot, arktype) or has zod's `safeParse`.
 * Described by its structure, so that no validator has to be installed.
 */
export type DetailsSchema = StandardSchema | SafeParser;

interface StandardSchema {
  readonly '~standard': {
    validate(value: unknown): unknown;
    readonly types?: { readonly input: unknown; readonly output: unknown } | undefined;
  };
}

interface SafeParser {
  safeParse(value: unknown): { success: boolean; data?: unknown; error?: unknown };
}

/** What a factory takes for a schema: what the schema accepts. */
export type DetailsInput<Schema> = Schema extends { readonly '~standard': { readonly types?: infer Types } }
  ? Extract<Types, { input: unknown }>['input']
  : Schema extends { safeParse(value: unknown): infer Result }
    ? Extract<Result, { success: true; data: unknown }>['data']
    : Readonly<Record<string, unknown>> | undefined;

/** What an error carries for a schema: what the schema makes of its input. */
export type DetailsOutput<Schema> = Schema extends { readonly '~standard': { readonly types?: infer Types } }
  ? Extract<Types, { output: unknown }>['output']
  : DetailsInput<Schema>;

export type CheckedDetails = { ok: true; value: unknown } | { ok: false; problem: string };

/** Whether a value can serve as a details schema. */
export function isDetailsSchema(value: unknown): value is DetailsSchema {
  return (
    typeof read(read(value, '~standard'), 'validate') === 'function' ||
    typeof read(value, 'safeParse') === 'function'
  );
}

/** Runs details through their schema; never throws, since an error about an error would hide the first one. */
export function checkDetails(schema: DetailsSchema, details: unknown): CheckedDetails {
  try {
    return '~standard' in schema ? fromStandard(schema, details) : fromSafeParse(schema, details);
  } catch (error) {
    return { ok: false, problem: `the schema threw: ${messageOf(error)}` };
  }
}

function fromStandard(schema: StandardSchema, details: unknown): CheckedDetails {
  const result = schema['~standard'].validate(details);
  if (typeof read(result, 'then') === 'function') {
    void Promise.resolve(result).catch(() => {});
    return { ok: false, problem: 'the schema is asynchronous' };
  }
  const issues = readArray(result, 'issues');
  return issues ? { ok: false, problem: describeIssues(issues) } : { ok: true, value: read(result, 'value') };
}

function fromSafeParse(schema: SafeParser, details: unknown): CheckedDetails {
  const result = schema.safeParse(details);
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, problem: describeIssues(readArray(result.error, 'issues') ?? [result.error]) };
}

function describeIssues(issues: unknown[]): string {
  return issues
    .slice(0, 10)
    .map((issue) => {
      const path = (readArray(issue, 'path') ?? [])
        .map((part) => String(read(part, 'key') ?? part))
        .join('.');
      return path ? `${path}: ${messageOf(issue)}` : messageOf(issue);
    })
    .join('; ');
}

/** The JSON Schema of what a schema lets through, where the library can tell (zod 4 can). */
export function jsonSchemaOf(schema: DetailsSchema): Record<string, unknown> | undefined {
  const jsonSchema = read(read(schema, '~standard'), 'jsonSchema') as JsonSchemaMaker | undefined;
  try {
    const { $schema: _, ...made } = jsonSchema?.output?.({ target: 'draft-2020-12' }) ?? {};
    return Object.keys(made).length > 0 ? made : undefined;
  } catch {
    // A transform has no JSON Schema.
    return undefined;
  }
}

interface JsonSchemaMaker {
  output?(options: { target: string }): Record<string, unknown>;
}
