import type { Family } from './family.js';
import { type Labels, type LabelValues, show } from './labels.js';

/** One series of a counter: its slot is known, so a call is an addition. */
export interface BoundCounter {
  /**
   * @param amount 0 or more. @default 1
   * @throws RangeError when it is negative or no finite number.
   */
  inc(amount?: number): void;
}

/**
 * A number that only grows, such as requests or errors.
 * @example
 * import client from 'prom-client';
 * import { createMetrics } from '@kit/metrics';
 * const metrics = createMetrics({ client });
 * const payments = metrics.counter('payments_total', { help: 'Payments', labels: ['status'] });
 * payments.inc({ status: 'paid' });
 * const paid = payments.child('paid');
 * paid.inc();
 */
export interface Counter<L extends readonly string[] = readonly string[]> {
  readonly name: string;
  inc(amount?: number): void;
  inc(labels: Labels<L>, amount?: number): void;
  /** The series with these values, in the order of `labels`. */
  child(...values: LabelValues<L>): BoundCounter;
}

export function createCounter(family: Family): Counter {
  const children: BoundCounter[] = [];
  const at = (slot: number) => (children[slot] ??= new CounterChild(family, slot));
  if (family.series.labelNames.length === 0) at(family.series.slotOf([]));
  return {
    name: family.name,
    inc(first?: Labels<readonly string[]> | number, amount?: number) {
      if (typeof first === 'object' && first !== null) at(family.series.slotOfLabels(first)).inc(amount);
      else at(family.series.slotOfLabels({})).inc(first);
    },
    child: (...values) => at(family.series.slotOf(values)),
  };
}

class CounterChild implements BoundCounter {
  constructor(
    private readonly family: Family,
    private readonly slot: number,
  ) {}

  inc(amount = 1): void {
    // Written so that NaN fails too, and the text '5', which would be appended.
    if (!(typeof amount === 'number' && amount >= 0 && amount < Infinity)) refuse(this.family.name, amount);
    this.family.values[this.slot]! += amount;
  }
}

function refuse(name: string, amount: unknown): never {
  throw new RangeError(`amount of counter "${name}" must be a finite number >= 0, got ${show(amount)}`);
}
