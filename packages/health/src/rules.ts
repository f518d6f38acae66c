/** A number option's rule, checked where the option enters; names the option, the rule and the value. @internal */
export function requireNumber(
  option: string,
  value: unknown,
  rule: { min?: number; above?: number; max?: number; integer?: boolean },
): number {
  const bounds = [
    ...(rule.above === undefined ? [] : [`> ${rule.above}`]),
    ...(rule.min === undefined ? [] : [`>= ${rule.min}`]),
    ...(rule.max === undefined ? [] : [`<= ${rule.max}`]),
  ];
  const text = `${option} must be ${rule.integer ? 'an integer ' : ''}${bounds.join(' and ')}, got ${shown(value)}`;
  if (typeof value !== 'number') throw new TypeError(text);
  const fits =
    Number.isFinite(value) &&
    (!rule.integer || Number.isInteger(value)) &&
    value > (rule.above ?? -Infinity) &&
    value >= (rule.min ?? -Infinity) &&
    value <= (rule.max ?? Infinity);
  if (!fits) throw new RangeError(text);
  return value;
}

/** Longest delay a Node timer can hold: 2^31 - 1 ms. A longer one would fire at once. */
export const longestTimerMs = 2_147_483_647;

/** A duration a timer can hold. @internal */
export const requireDelay = (option: string, value: unknown): number =>
  requireNumber(option, value, { above: 0, max: longestTimerMs });

/** @internal */
export function requireObject(option: string, value: unknown): void {
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`${option} must be an object, got ${shown(value)}`);
}

/** @internal */
export function requireFunction(option: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${option} must be a function, got ${shown(value)}`);
}

/** @internal */
export function requireBoolean(option: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${option} must be a boolean, got ${shown(value)}`);
  return value;
}

/** @internal */
export function requireMethod(owner: string, object: unknown, method: string): void {
  const value =
    typeof object === 'object' || typeof object === 'function'
      ? Reflect.get(Object(object), method)
      : undefined;
  requireFunction(`${owner}.${method}`, value);
}

/** @internal */
export function requireText(option: string, value: unknown): string {
  if (typeof value !== 'string' || value.trim() === '')
    throw new TypeError(`${option} must be a non-empty string, got ${shown(value)}`);
  return value;
}

/** The value as a message can carry it. @internal */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100));
  if (value === null) return 'null';
  if (typeof value === 'symbol') return value.toString();
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' || typeof value === 'function'
    ? `a ${typeof value}`
    : `${value as number}`;
}
