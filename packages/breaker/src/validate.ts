export interface NumberRule {
  above?: number;
  atLeast?: number;
  atMost?: number;
  integer?: boolean;
}

/** The longest delay a Node timer takes; a longer one would fire after 1 ms. */
export const MAX_TIMER_MS = 2_147_483_647;

/** A duration that ends up in a timer. */
export const TIMER_MS: NumberRule = { above: 0, atMost: MAX_TIMER_MS };

export function checkNumber(option: string, value: unknown, rule: NumberRule): number {
  if (typeof value !== 'number') throw new TypeError(complaint(option, describe(rule), value));
  const ok =
    !Number.isNaN(value) &&
    (rule.above === undefined || value > rule.above) &&
    (rule.atLeast === undefined || value >= rule.atLeast) &&
    (rule.atMost === undefined ? Number.isFinite(value) : value <= rule.atMost) &&
    (!rule.integer || Number.isSafeInteger(value));
  if (!ok) throw new RangeError(complaint(option, describe(rule), value));
  return value;
}

export function checkOptionalNumber(option: string, value: unknown, rule: NumberRule): number | undefined {
  return value === undefined ? undefined : checkNumber(option, value, rule);
}

export function checkName(value: unknown, option = 'name'): string {
  if (typeof value !== 'string') throw new TypeError(complaint(option, 'a string', value));
  if (value.trim() === '') throw new RangeError(complaint(option, 'a non-empty string', value));
  return value;
}

export function checkFunction<F>(option: string, value: F): F {
  if (value !== undefined && typeof value !== 'function')
    throw new TypeError(complaint(option, 'a function', value));
  return value;
}

export function checkBoolean(option: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean') throw new TypeError(complaint(option, 'a boolean', value));
  return value;
}

export function checkObject<T>(option: string, value: T): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError(complaint(option, 'an object', value));
  return value;
}

export function complaint(option: string, rule: string, value: unknown): string {
  return `${option} must be ${rule}, got ${show(value)}`;
}

function describe(rule: NumberRule): string {
  const bounds = [
    rule.above === undefined ? '' : `> ${rule.above}`,
    rule.atLeast === undefined ? '' : `>= ${rule.atLeast}`,
    rule.atMost === undefined ? '' : `<= ${rule.atMost}`,
  ].filter(Boolean);
  return `${rule.integer ? 'an integer ' : ''}${bounds.join(' and ')}`.trim();
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}
