import { inspect } from 'node:util';

/** What a label value may be; `undefined` and `null` are the empty string, which Prometheus reads as "no such label". */
export type LabelValue = string | number | boolean | bigint | null | undefined;

/** A value for every label by name; `undefined` is the empty string. */
export type Labels<L extends readonly string[]> = { readonly [K in L[number]]: LabelValue };

/** A value for every label, in the order of `labels`. */
export type LabelValues<L extends readonly string[]> = { readonly [K in keyof L]: LabelValue };

/** Longer label values are cut: one request must not write a megabyte into every scrape. */
export const MAX_LABEL_LENGTH = 1_024;

/** @throws TypeError for values that have no sensible text, such as objects. */
export function labelValue(value: unknown, label: string): string {
  switch (typeof value) {
    case 'string':
      // A lone surrogate is not UTF-8: Prometheus would refuse the whole scrape.
      return value.length > MAX_LABEL_LENGTH
        ? value.slice(0, MAX_LABEL_LENGTH).toWellFormed()
        : value.toWellFormed();
    case 'undefined':
      return '';
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value);
    default:
      if (value === null) return '';
      throw new TypeError(
        `label "${label}" must be a string, number or boolean, got ${inspect(value, { depth: 0 }).slice(0, 80)}`,
      );
  }
}

/** `method="GET",route="/users/:id"`, escaped as the text formats ask (the same in both). */
export function labelText(names: readonly string[], values: readonly string[]): string {
  let text = '';
  for (let i = 0; i < names.length; i += 1) {
    text += `${i === 0 ? '' : ','}${names[i]}="${escapeLabel(values[i]!)}"`;
  }
  return text;
}

export function escapeLabel(value: string): string {
  return needsEscape.test(value)
    ? value.toWellFormed().replace(/[\\\n"]/g, (found) => (found === '\n' ? '\\n' : `\\${found}`))
    : value;
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
// A lone surrogate is not UTF-8: Prometheus would refuse the whole scrape.
const needsEscape = /[\\\n"]|\p{Surrogate}/u;

/** @throws RangeError when Prometheus would refuse the name. */
export function checkMetricName(name: unknown, option = 'name'): asserts name is string {
  if (typeof name !== 'string' || name.length > 200 || !metricName.test(name)) {
    throw new RangeError(
      `${option} must match ${metricName.source} (at most 200 characters), got ${show(name)}`,
    );
  }
}

/** @throws RangeError when Prometheus would refuse a label, or keeps it for itself. */
export function checkLabelNames(names: unknown, reserved: readonly string[]): asserts names is string[] {
  if (!Array.isArray(names)) throw new TypeError(`labels must be an array of names, got ${show(names)}`);
  const seen = new Set<unknown>();
  for (const name of names as unknown[]) {
    if (typeof name !== 'string' || name.length > 200 || !labelName.test(name) || name.startsWith('__')) {
      throw new RangeError(
        `labels must match ${labelName.source} and not begin with "__", got ${show(name)}`,
      );
    }
    if (reserved.includes(name))
      throw new RangeError(`labels must not contain "${name}": Prometheus sets it`);
    if (seen.has(name)) throw new RangeError(`labels must differ, got "${name}" twice`);
    seen.add(name);
  }
}

export function show(value: unknown): string {
  return inspect(value, { depth: 1, breakLength: Infinity }).slice(0, 120);
}
