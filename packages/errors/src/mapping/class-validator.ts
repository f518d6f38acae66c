import type { AppError, FieldError } from '../app-error.js';
import { commonErrors } from '../common-errors.js';
import { messageOf, read, readArray, readString } from '../read.js';
import { fieldError, fieldErrorsOf } from './field-path.js';

const maxDepth = 16;
const missingRules = new Set(['isDefined', 'isNotEmpty']);

/** `VAL_INVALID_INPUT` for the errors of class-validator, one entry a failed rule, children included. */
export function fromClassValidator(errors: readonly unknown[]): AppError {
  const entries = errors.flatMap((error) => entriesOf(error, [], 0));
  return commonErrors.VAL_INVALID_INPUT(undefined, fieldErrorsOf(entries));
}

function entriesOf(error: unknown, parent: readonly string[], depth: number): FieldError[] {
  const path = [...parent, readString(error, 'property') ?? ''];
  const children = depth < maxDepth ? (readArray(error, 'children') ?? []) : [];
  return [
    ...Object.entries(read(error, 'constraints') ?? {}).map(([rule, message]) =>
      fieldError(path, missingRules.has(rule) ? 'VAL_REQUIRED_FIELD' : rule, messageOf(message)),
    ),
    ...children.flatMap((child) => entriesOf(child, path, depth + 1)),
  ];
}
