import { isSecretKey, masked, maskText } from './mask.js';
import { isInternalText } from './public-message.js';

/** How far a value is followed. */
export interface PlainOptions {
  /** `'show'` also replaces texts that read like the inside of a service; `'log'` masks secrets in them. */
  purpose: 'show' | 'log';
  maxDepth?: number;
  maxNodes?: number;
  maxText?: number;
}

/**
 * A copy that JSON can write, whatever it is given: cycles, BigInt, getters that throw, proxies. Values under secret keys
 * are masked and the size is bounded.
 */
export function toPlain(value: unknown, options: PlainOptions): unknown {
  const { purpose, maxDepth = 8, maxNodes = 2_000, maxText = 4_096 } = options;
  const above = new Set<unknown>();
  let nodes = 0;

  const text = (raw: string): string => {
    const short = raw.length > maxText ? `${raw.slice(0, maxText)}…` : raw;
    return purpose === 'show' ? (isInternalText(short) ? masked : short) : maskText(short);
  };

  const visit = (current: unknown, depth: number): unknown => {
    nodes += 1;
    if (typeof current === 'string') return text(current);
    if (typeof current === 'bigint') return String(current);
    if (typeof current === 'number') return Number.isFinite(current) ? current : String(current);
    if (current === null || typeof current === 'boolean') return current;
    if (typeof current !== 'object') return undefined;
    if (above.has(current)) return '[circular]';
    if (depth >= maxDepth || nodes > maxNodes) return '[cut]';
    above.add(current);
    try {
      const json =
        'toJSON' in current && typeof current.toJSON === 'function'
          ? (current.toJSON as () => unknown)()
          : current;
      if (json !== current) return visit(json, depth + 1);
      if (Array.isArray(current))
        return current.slice(0, maxNodes).map((item) => visit(item, depth + 1) ?? null);
      const copy: Record<string, unknown> = {};
      for (const key of Object.keys(current).slice(0, maxNodes)) {
        const shown = isSecretKey(key) ? masked : visit((current as Record<string, unknown>)[key], depth + 1);
        if (shown !== undefined) setOwn(copy, key, shown);
      }
      return copy;
    } catch {
      return '[unreadable]';
    } finally {
      above.delete(current);
    }
  };
  return visit(value, 0);
}

/** An assignment to `__proto__` would change the copy's prototype instead of adding a key. */
function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true });
  else target[key] = value;
}
