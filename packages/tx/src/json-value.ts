import { createHash } from 'node:crypto';
import { types } from 'node:util';

/**
 * The JSON text of a value that must survive a restart as it is; `null` for `undefined`.
 *
 * @internal
 * @throws TypeError when JSON cannot hold it: a function, symbol, bigint, NaN, cycle, Map, Set or the like.
 */
export function toJsonText(value: unknown, what: string): string | null {
  if (value === undefined) return null;
  check(value, what, '', []);
  return JSON.stringify(value);
}

/** @internal */
export function fromJsonText(text: unknown): unknown {
  return text === null || text === undefined ? undefined : JSON.parse(text as string);
}

/**
 * A copy of what JSON text has held; `structuredClone` takes several times as long for it.
 *
 * @internal
 */
export function copyJson<T>(value: T): T {
  return fromJsonText(JSON.stringify(value)) as T;
}

/**
 * A hash that does not depend on the order of keys: two bodies that mean the same have the same one.
 *
 * @internal
 */
export function hashOf(value: unknown, what: string): string {
  const text = toJsonText(value, what);
  const canonical = text === null ? '' : JSON.stringify(sorted(JSON.parse(text)));
  return createHash('sha256').update(canonical).digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  // Pairs, not an object: integer-like keys would be reordered and __proto__ lost.
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)]);
}

function check(value: unknown, what: string, path: string, above: readonly object[]): void {
  if (value === null || value === undefined) return;
  if (typeof value === 'number' && !Number.isFinite(value)) refuse(what, path, String(value));
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') {
    refuse(what, path, `a ${typeof value}`);
  }
  if (typeof value !== 'object') return;
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    const json = JSON.stringify(value);
    // An invalid Date has a toJSON that answers null.
    if (json === undefined || (json === 'null' && value instanceof Date))
      refuse(what, path, 'an invalid Date');
    return;
  }
  if (above.includes(value)) refuse(what, path, 'a cycle');
  if (above.length > 200) refuse(what, path, 'more than 200 levels');
  if (isOpaque(value)) refuse(what, path, `a ${value.constructor.name}`);
  const inside = [...above, value];
  for (const [key, inner] of Object.entries(value)) check(inner, what, `${path}.${key}`, inside);
}

function isOpaque(value: object): boolean {
  return (
    types.isMap(value) ||
    types.isSet(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isPromise(value) ||
    types.isRegExp(value) ||
    types.isNativeError(value) ||
    types.isAnyArrayBuffer(value) ||
    ArrayBuffer.isView(value)
  );
}

function refuse(what: string, path: string, found: string): never {
  throw new TypeError(
    `${what} must be something JSON can hold, got ${found} at ${path === '' ? 'its root' : path}`,
  );
}
