import type { FieldError } from '../app-error.js';
import { messageOf, read, readArray, readString } from '../read.js';
import { fieldError, fieldErrorsOf } from './field-path.js';
import { type ErrorMapper, standIn } from './stand-in.js';

/** zod 4 errors, and those of other Standard Schema libraries that carry `issues`. */
export const mapSchemaError: ErrorMapper = (error) => {
  if (!schemaErrorNames.has(readString(error, 'name') ?? '')) return undefined;
  const issues = readArray(error, 'issues', maxIssues);
  if (!issues || issues.length === 0) return undefined;
  return standIn('VAL_INVALID_INPUT', error, fieldErrorsOf(issues.flatMap((issue) => entriesOf(issue, []))));
};

const schemaErrorNames = new Set(['ZodError', '$ZodError', 'ValiError', 'SchemaError', 'SagaInputError']);
const maxIssues = 10_000;
const maxUnionDepth = 16;

function entriesOf(issue: unknown, parent: readonly string[], depth = 0): FieldError[] {
  const path = [...parent, ...pathOf(issue)];
  const code = readString(issue, 'code') ?? readString(issue, 'type') ?? 'invalid';
  const detail = readString(issue, 'message') ?? 'is invalid';

  if (code === 'unrecognized_keys') {
    const keys = (readArray(issue, 'keys') ?? []).map(messageOf);
    return keys.map((key) => fieldError([...path, key], code, 'is not a known field'));
  }
  if (code === 'invalid_union' && depth < maxUnionDepth) {
    const branch = closestBranch(issue);
    if (branch) return branch.flatMap((inner) => entriesOf(inner, path, depth + 1));
  }
  if (isMissing(issue, code, detail)) return [fieldError(path, 'VAL_REQUIRED_FIELD', 'is required')];
  return [fieldError(path, code, detail)];
}

/**
 * The branch of a union that the input came nearest to: one whose type and literals matched, then the one with the fewest
 * complaints, then the one whose complaints lie deepest.
 */
function closestBranch(issue: unknown): unknown[] | undefined {
  const branches = (readArray(issue, 'errors') ?? []).filter(
    (branch): branch is unknown[] => Array.isArray(branch) && branch.length > 0,
  );
  const ranked = branches.map((branch) => ({ branch, rank: distanceOf(branch) }));
  ranked.sort((a, b) => compare(a.rank, b.rank));
  return ranked[0]?.branch;
}

function distanceOf(branch: unknown[]): number[] {
  const codes = branch.map((issue) => readString(issue, 'code'));
  const depths = branch.map((issue) => pathOf(issue).length);
  const wrongType = branch.some((_, index) => depths[index] === 0 && codes[index] === 'invalid_type');
  const wrongLiterals = codes.filter((code) => code === 'invalid_value').length;
  return [wrongType ? 1 : 0, wrongLiterals, branch.length, -Math.max(...depths)];
}

function compare(a: number[], b: number[]): number {
  const index = a.findIndex((value, position) => value !== b[position]);
  return index === -1 ? 0 : a[index]! - b[index]!;
}

/** zod leaves the input out of an issue; that it was undefined is only told in the message. */
function isMissing(issue: unknown, code: string, detail: string): boolean {
  if (code !== 'invalid_type') return false;
  return readString(issue, 'received') === 'undefined' || /\bundefined\b/.test(detail);
}

function pathOf(issue: unknown): string[] {
  return (readArray(issue, 'path') ?? []).map((part) => messageOf(read(part, 'key') ?? part));
}
