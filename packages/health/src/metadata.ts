import { withoutAddresses } from './failure-message.js';

const maxDepth = 4;
const maxEntries = 50;
const maxChars = 8_192;
const secretKey =
  /pass(word|wd|phrase)?$|^pwd$|secret|token|authorization|cookie|credential|api[-_]?key|private[-_]?key|dsn|connection[-_]?string/i;

/**
 * A frozen plain copy of what a check said about itself: secrets masked by key, cycles cut, at most four levels,
 * fifty entries a level and 8192 characters in all, so that no check can make a probe expensive or indiscreet. @internal
 */
export function plainMetadata(source: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof source !== 'object' || source === null) return undefined;
  const budget = { chars: maxChars };
  const copy = copyValue(source, 0, new Set(), budget);
  if (budget.chars < 0) return Object.freeze({ truncated: true });
  return Array.isArray(copy) ? Object.freeze({ items: copy }) : (copy as Readonly<Record<string, unknown>>);
}

interface Budget {
  chars: number;
}

function copyValue(value: unknown, depth: number, above: Set<object>, budget: Budget): unknown {
  // Past the budget nothing is kept: stop reading as well.
  if (budget.chars < 0) return undefined;
  if (typeof value === 'string') return spend(withoutAddresses(value), budget);
  if (typeof value === 'bigint') return spend(`${value}`.slice(0, 40), budget);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return spend(value, budget);
  if (typeof value !== 'object') return undefined;
  if (value instanceof Date) return spend(Number.isNaN(value.getTime()) ? null : value.toISOString(), budget);
  if (above.has(value)) return spend('[circular]', budget);
  if (depth >= maxDepth) return spend('[deeper]', budget);

  above.add(value);
  const copy = Array.isArray(value)
    ? value.slice(0, maxEntries).map((item) => copyValue(item, depth + 1, above, budget) ?? null)
    : copyObject(value, depth, above, budget);
  above.delete(value);
  return Object.freeze(copy);
}

function copyObject(source: object, depth: number, above: Set<object>, budget: Budget) {
  const copy: Record<string, unknown> = {};
  let entries = 0;
  for (const key in source) {
    if (!Object.hasOwn(source, key) || key === '__proto__') continue;
    entries += 1;
    if (entries > maxEntries || budget.chars < 0) break;
    spend(key, budget);
    const value = secretKey.test(key)
      ? spend('***', budget)
      : copyValue(read(source, key), depth + 1, above, budget);
    if (value !== undefined) copy[key] = value;
  }
  return copy;
}

function read(source: object, key: string): unknown {
  try {
    return (source as Record<string, unknown>)[key];
  } catch {
    return '[unreadable]';
  }
}

function spend<T>(value: T, budget: Budget): T {
  budget.chars -= typeof value === 'string' ? value.length : 8;
  return value;
}
