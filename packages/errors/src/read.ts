/** Reads a property of anything; a getter that throws, a revoked proxy and `null` read as undefined. */
export function read(value: unknown, key: PropertyKey): unknown {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return undefined;
  try {
    return (value as Record<PropertyKey, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** {@link read} for a text: anything but a string reads as undefined. */
export function readString(value: unknown, key: PropertyKey): string | undefined {
  const found = read(value, key);
  return typeof found === 'string' ? found : undefined;
}

/** {@link read} for a number. */
export function readNumber(value: unknown, key: PropertyKey): number | undefined {
  const found = read(value, key);
  return typeof found === 'number' ? found : undefined;
}

/** {@link read} for an array, copied so that a hostile one cannot change underway; at most `limit` elements. */
export function readArray(value: unknown, key: PropertyKey, limit = 1_000): unknown[] | undefined {
  const found = read(value, key);
  try {
    return Array.isArray(found) ? found.slice(0, limit) : undefined;
  } catch {
    return undefined;
  }
}

/** A text for anything that was thrown: `String(x)` itself throws for some values. */
export function messageOf(value: unknown): string {
  const message = readString(value, 'message');
  if (message !== undefined) return message;
  try {
    return String(value);
  } catch {
    return 'a value that cannot be printed';
  }
}

/** A value as the message of a wrong option names it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
