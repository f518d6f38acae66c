import type { Family } from './family.js';
import { type Labels, type LabelValues, show } from './labels.js';

/** One series of a gauge. */
export interface BoundGauge {
  set(value: number): void;
  /** @param amount @default 1 */
  inc(amount?: number): void;
  /** @param amount @default 1 */
  dec(amount?: number): void;
}

/**
 * A number that goes up and down, such as connections in use.
 * @example
 * import client from 'prom-client';
 * import { createMetrics } from '@kit/metrics';
 * const metrics = createMetrics({ client });
 * const rooms = metrics.gauge('rooms_open', { help: 'Open rooms', labels: ['floor'] });
 * rooms.set({ floor: 2 }, 14);
 * rooms.child(3).inc();
 */
export interface Gauge<L extends readonly string[] = readonly string[]> {
  readonly name: string;
  set(value: number): void;
  set(labels: Labels<L>, value: number): void;
  inc(amount?: number): void;
  inc(labels: Labels<L>, amount?: number): void;
  dec(amount?: number): void;
  dec(labels: Labels<L>, amount?: number): void;
  /** The series with these values, in the order of `labels`. */
  child(...values: LabelValues<L>): BoundGauge;
}

type First = Labels<readonly string[]> | number | undefined;

export function createGauge(family: Family): Gauge {
  const children: GaugeChild[] = [];
  const at = (slot: number) => (children[slot] ??= new GaugeChild(family, slot));
  if (family.series.labelNames.length === 0) at(family.series.slotOf([]));
  const isLabels = (first: First): first is Labels<readonly string[]> =>
    typeof first === 'object' && first !== null;
  const of = (first: First) => at(family.series.slotOfLabels(isLabels(first) ? first : {}));
  return {
    name: family.name,
    set: (first: First, value?: number) => of(first).set((isLabels(first) ? value : first)!),
    inc: (first?: First, amount?: number) => of(first).inc(isLabels(first) ? amount : first),
    dec: (first?: First, amount?: number) => of(first).dec(isLabels(first) ? amount : first),
    child: (...values) => at(family.series.slotOf(values)),
  };
}

class GaugeChild implements BoundGauge {
  constructor(
    private readonly family: Family,
    private readonly slot: number,
  ) {}

  set(value: number): void {
    if (typeof value !== 'number') refuse(this.family.name, value);
    this.family.values[this.slot] = value;
  }

  inc(amount = 1): void {
    if (typeof amount !== 'number') refuse(this.family.name, amount);
    this.family.values[this.slot]! += amount;
  }

  dec(amount = 1): void {
    if (typeof amount !== 'number') refuse(this.family.name, amount);
    this.family.values[this.slot]! -= amount;
  }
}

function refuse(name: string, value: unknown): never {
  throw new TypeError(`value of gauge "${name}" must be a number, got ${show(value)}`);
}
