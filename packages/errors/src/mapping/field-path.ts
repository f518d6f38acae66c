import type { FieldError } from '../app-error.js';

const maxEntries = 100;
const maxText = 512;

/** A field error for a path of keys and indexes. */
export function fieldError(path: readonly string[], code: string, detail: string): FieldError {
  return {
    pointer: cut(toPointer(path)),
    field: cut(toField(path)),
    code: cut(code),
    detail: cut(detail),
  };
}

/** The keys of a JSON pointer (`/items/1/amount`), a JavaScript path (`items[1].amount`) or a dotted one (`items.1.amount`). */
export function parsePath(text: string): string[] {
  if (text.startsWith('/')) {
    return text
      .slice(1)
      .split('/')
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  }
  return text.split(/[.[\]]/).filter((part) => part !== '');
}

/** `1 field is invalid`, `2 fields are invalid`. */
export function summarise(count: number): string {
  return count === 1 ? '1 field is invalid' : `${count} fields are invalid`;
}

/** The message and the entries of an error about fields: no entry is sent past the hundredth, all are counted. */
export function fieldErrorsOf(entries: readonly FieldError[]): { message: string; errors: FieldError[] } {
  return { message: summarise(entries.length), errors: entries.slice(0, maxEntries) };
}

/** RFC 6901 §6: the URI fragment form. */
function toPointer(path: readonly string[]): string {
  return `#${path
    .map((part) => `/${encodeURIComponent(wellFormed(part).replaceAll('~', '~0').replaceAll('/', '~1'))}`)
    .join('')}`;
}

function toField(path: readonly string[]): string {
  let field = '';
  for (const key of path) {
    if (/^\d+$/.test(key)) field += `[${key}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(key)) field += field === '' ? key : `.${key}`;
    else field += `[${JSON.stringify(key)}]`;
  }
  return field;
}

/** `encodeURIComponent` throws for half a surrogate pair. */
function wellFormed(text: string): string {
  return text.isWellFormed() ? text : text.toWellFormed();
}

function cut(text: string): string {
  return text.length > maxText ? `${text.slice(0, maxText - 1)}…` : text;
}
