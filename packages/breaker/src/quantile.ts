/** Quantiles of the last samples, exact and cheap: a ring that says what leaves, and the same values in order. */
export class RollingQuantile {
  private readonly ring: Float64Array;
  private readonly sorted: Float64Array;
  /** All samples so far, the ones that have left included. */
  seen = 0;

  constructor(private readonly capacity: number) {
    this.ring = new Float64Array(capacity);
    this.sorted = new Float64Array(capacity);
  }

  get size(): number {
    return Math.min(this.seen, this.capacity);
  }

  add(sample: number): void {
    const at = this.seen % this.capacity;
    let size = this.size;
    if (size === this.capacity) {
      const leaving = this.rank(this.ring[at]!, size);
      this.sorted.copyWithin(leaving, leaving + 1, size);
      size -= 1;
    }
    const place = this.rank(sample, size);
    this.sorted.copyWithin(place + 1, place, size);
    this.sorted[place] = sample;
    this.ring[at] = sample;
    this.seen += 1;
  }

  /** The nearest-rank quantile. */
  at(quantile: number): number {
    return this.sorted[Math.max(0, Math.ceil(quantile * this.size) - 1)]!;
  }

  private rank(value: number, size: number): number {
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.sorted[middle]! < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
