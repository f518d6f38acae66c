/** @internal */
export function stringList(name: string, value: readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'string'))
    throw new TypeError(`${name} must be a list of strings, got ${show(value)}`);
  return value;
}

/** @internal A whole number of at least `min`; the default where the option was left out. */
export function wholeNumber(name: string, value: number | undefined, fallback: number, min: number): number {
  const number = value ?? fallback;
  if (!Number.isSafeInteger(number) || number < min)
    throw new RangeError(`${name} must be an integer >= ${min}, got ${show(number)}`);
  return number;
}

/** @internal */
export function optionalFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function')
    throw new TypeError(`${name} must be a function, got ${show(value)}`);
}

/** @internal */
export function optionalBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean')
    throw new TypeError(`${name} must be a boolean, got ${show(value)}`);
}

/** @internal */
export function optionsObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`${name} must be an object, got ${show(value)}`);
}

/** @internal How a wrong value reads in an error message. */
export function show(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'number' || typeof value === 'string') return String(value) || '""';
  return Array.isArray(value) ? 'an array' : typeof value;
}
