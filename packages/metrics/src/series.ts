import { labelText, labelValue } from './labels.js';

/** The label value that all series past the ceiling share. */
export const OVERFLOW = '__overflow__';

/** Which label sets exist and which slot of the value arrays is theirs. */
export interface Series {
  readonly labelNames: readonly string[];
  /** Escaped label text by slot; built once, when the series is born. */
  readonly texts: readonly string[];
  /** Label values by slot. */
  readonly values: readonly (readonly string[])[];
  /** The slot of a label set, new if it has to be; past the ceiling the one of `__overflow__`. */
  slotOf(values: readonly unknown[]): number;
  slotOfLabels(labels: Readonly<Record<string, unknown>>): number;
  isOverflow(slot: number): boolean;
}

export interface SeriesOptions {
  labelNames: readonly string[];
  maxSeries: number;
  /** A slot was born: the owner makes room in its arrays. */
  onNew: (slot: number) => void;
  /** A label set went to `__overflow__`. */
  onDropped: () => void;
}

// Nested maps, one level a label: no key has to be joined, so no two label sets can ever share one.
type Level = Map<string, Level | number>;

export function createSeries(options: SeriesOptions): Series {
  const { labelNames, maxSeries, onNew, onDropped } = options;
  const depth = labelNames.length;
  const root: Level = new Map();
  const texts: string[] = [];
  const values: string[][] = [];
  let overflowSlot = -1;
  const scratch: string[] = Array.from({ length: depth }, () => '');

  const add = (own: string[]): number => {
    const slot = texts.length;
    texts.push(labelText(labelNames, own));
    values.push(own);
    onNew(slot);
    return slot;
  };

  // `scratch` holds the normalised values; it is copied only when a series is born.
  const find = (mayGrow: boolean): number => {
    let level = root;
    for (let i = 0; i < depth - 1; i += 1) {
      let next = level.get(scratch[i]!) as Level | undefined;
      if (next === undefined) {
        if (!mayGrow) return -1;
        next = new Map();
        level.set(detached(scratch[i]!), next);
      }
      level = next;
    }
    const last = depth === 0 ? '' : scratch[depth - 1]!;
    const known = level.get(last) as number | undefined;
    if (known !== undefined) return known;
    if (!mayGrow) return -1;
    const own = scratch.map(detached);
    const slot = add(own);
    level.set(own.at(-1) ?? '', slot);
    return slot;
  };

  const findOrOverflow = (): number => {
    const ownSeries = texts.length - (overflowSlot === -1 ? 0 : 1);
    const slot = find(ownSeries < maxSeries);
    if (slot !== -1) return slot;
    if (overflowSlot === -1) {
      scratch.fill(OVERFLOW);
      overflowSlot = find(true);
    }
    onDropped();
    return overflowSlot;
  };

  return {
    labelNames,
    texts,
    values,
    isOverflow: (slot) => slot === overflowSlot,
    slotOf(given) {
      if (given.length !== depth) {
        throw new TypeError(`expected ${depth} label values (${labelNames.join(', ')}), got ${given.length}`);
      }
      for (let i = 0; i < depth; i += 1) scratch[i] = labelValue(given[i], labelNames[i]!);
      return findOrOverflow();
    },
    slotOfLabels(labels) {
      for (let i = 0; i < depth; i += 1) scratch[i] = labelValue(labels[labelNames[i]!], labelNames[i]!);
      for (const name in labels) {
        if (!labelNames.includes(name)) {
          throw new TypeError(`unknown label "${name}"; the labels are ${labelNames.join(', ') || 'none'}`);
        }
      }
      return findOrOverflow();
    },
  };
}

/** A copy of its own: V8 lets a piece of a string keep the whole one alive, be it a megabyte. */
function detached(text: string): string {
  return Buffer.from(text).toString();
}
