import { isCardNumber, maskDigits } from './card-number.js';
import { optionsObject, show, stringList } from './check.js';
import { createKeyMatcher } from './mask-keys.js';
import { createTextMasker } from './mask-text.js';

export interface MaskerOptions {
  /**
   * More keys whose values are masked, in any case and spelling: `['iban']` also matches `IBAN`.
   * @default []
   */
  keys?: readonly string[];
  /**
   * Keys that stay although they look secret: `['csrfToken']`.
   * @default []
   */
  ignore?: readonly string[];
  /**
   * What stands in place of a secret.
   * @default '[masked]'
   */
  censor?: string;
  /**
   * Levels of objects and arrays that are walked, 1 to 100; what lies deeper is left out.
   * @default 8
   */
  depth?: number;
}

/** @internal */
export interface Inspection {
  value: unknown;
  /** How many values were masked. */
  hits: number;
}

/**
 * The walker that masks log lines, for anything else: returns a masked, JSON-safe copy; the input is never changed.
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import { createMasker } from '@kit/trace';
 *
 * const mask = createMasker({ keys: ['taxNumber'] });
 * console.log(mask({ user: 'ann', dbPassword: 'hunter2', maxTokens: 5 }));
 * ```
 */
export function createMasker(options: MaskerOptions = {}): <T>(value: T) => T {
  const inspect = createInspector(options);
  return <T>(value: T) => inspect(value).value as T;
}

/** @internal The walker with a count of what it masked. */
export function createInspector(options: MaskerOptions = {}): (value: unknown) => Inspection {
  optionsObject('options', options);
  const { censor = '[masked]', depth: maxDepth = 8 } = options;
  if (typeof censor !== 'string') throw new TypeError(`censor must be a string, got ${typeof censor}`);
  if (!Number.isInteger(maxDepth) || maxDepth < 1 || maxDepth > 100)
    throw new RangeError(`depth must be an integer from 1 to 100, got ${show(maxDepth)}`);
  const matchKey = createKeyMatcher(stringList('keys', options.keys), stringList('ignore', options.ignore));
  const maskText = createTextMasker(matchKey, censor);
  let hits = 0;

  const text = (value: string): string => {
    const masked = maskText(value);
    if (masked !== value) hits++;
    return masked;
  };

  const secret = (value: unknown, isCard: boolean): unknown => {
    if (value === undefined || value === null || typeof value === 'boolean') return value;
    hits++;
    const digits =
      isCard && (typeof value === 'string' || typeof value === 'number')
        ? String(value).replace(/[ -]/g, '')
        : '';
    return isCardNumber(digits) ? maskDigits(digits) : censor;
  };

  const number = (value: number): unknown => {
    if (value < 1e12 || !isCardNumber(String(value))) return value;
    hits++;
    return maskDigits(String(value));
  };

  // `above` holds the objects around this one: at most `depth` of them, so a linear search is the cheap one.
  const walk = (value: unknown, above: object[]): unknown => {
    switch (typeof value) {
      case 'string':
        return text(value);
      case 'number':
        return number(value);
      case 'bigint':
        return text(String(value));
      case 'object':
        return value === null ? null : walkObject(value, above);
      case 'function':
      case 'symbol':
        return undefined;
      default:
        return value;
    }
  };

  const walkObject = (object: object, above: object[]): unknown => {
    if (above.includes(object)) return '[circular]';
    if (above.length > maxDepth) return '[too deep]';
    try {
      above.push(object);
      return copy(object, above);
    } catch {
      return '[unreadable]';
    } finally {
      above.pop();
    }
  };

  const copy = (object: object, above: object[]): unknown => {
    if (Array.isArray(object)) return object.map((item) => walk(item, above));
    // Nine in ten objects are plain: none of the questions below is about them, save for `toJSON`.
    return Object.getPrototypeOf(object) === Object.prototype
      ? copyJson(object, above)
      : copyInstance(object, above);
  };

  const copyInstance = (object: object, above: object[]): unknown => {
    if (ArrayBuffer.isView(object)) return `[${object.byteLength} bytes]`;
    if (object instanceof Map) return copyEntries(object.entries(), above);
    if (object instanceof Set) return [...object].map((item) => walk(item, above));
    if (object instanceof Error || isErrorLike(object)) return copyError(object, above);
    return copyJson(object, above);
  };

  const copyJson = (object: object, above: object[]): unknown => {
    const { toJSON } = object as { toJSON?: unknown };
    if (typeof toJSON === 'function') {
      const plain: unknown = toJSON.call(object);
      if (plain !== object) return walk(plain, above);
    }
    return copyKeys(object, {}, above);
  };

  const copyKeys = (object: object, target: Record<string, unknown>, above: object[]) => {
    for (const key of Object.keys(object)) put(target, key, masked(object, key, above));
    return target;
  };

  const masked = (object: object, key: string, above: object[]): unknown => {
    let value: unknown;
    try {
      value = (object as Record<string, unknown>)[key];
    } catch {
      return '[unreadable]';
    }
    const verdict = matchKey(key);
    return verdict === 'plain' ? walk(value, above) : secret(value, verdict === 'card');
  };

  const copyEntries = (entries: Iterable<[unknown, unknown]>, above: object[]) =>
    copyKeys(Object.fromEntries([...entries].map(([key, value]) => [String(key), value])), {}, above);

  // Message, stack and cause are not enumerable: an error would otherwise be `{}`.
  const copyError = (error: object, above: object[]) => {
    const { name, message, stack, cause, errors } = error as Partial<AggregateError>;
    const target: Record<string, unknown> = { type: error.constructor?.name ?? 'Error', name };
    target.message = walk(message, above);
    target.stack = walk(stack, above);
    copyKeys(error, target, above);
    if (cause !== undefined) target.cause = walk(cause, above);
    if (errors !== undefined) target.errors = walk(errors, above);
    return target;
  };

  return (value) => {
    hits = 0;
    const result = walk(value, []);
    return { value: result, hits };
  };
}

// An error of another realm (vm, worker, Jest) is no instance of our Error.
function isErrorLike(object: object): boolean {
  return Object.prototype.toString.call(object) === '[object Error]';
}

function put(target: Record<string, unknown>, key: string, value: unknown): void {
  // Assigning `__proto__` would set the prototype of the copy.
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}
