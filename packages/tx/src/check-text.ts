import { show } from './options.js';

/**
 * Checks a name that goes into a column: every engine must store it, and tell it from others.
 *
 * @internal
 * @throws TypeError by name.
 */
export function checkText(name: string, value: unknown, longest: number): asserts value is string {
  if (typeof value !== 'string' || value === '' || value.length > longest)
    throw new TypeError(`${name} must be a string of 1 to ${longest} characters, got ${show(value)}`);
  if (!isStorable(value))
    throw new TypeError(`${name} must be well-formed text without NUL, got ${show(value)}`);
}

/**
 * PostgreSQL refuses NUL, MariaDB half a surrogate pair; and in UTF-8 all such halves become the same character.
 *
 * @internal
 */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}
