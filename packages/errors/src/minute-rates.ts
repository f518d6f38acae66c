const minutes = 60;
const minuteMs = 60_000;

/** Counts in sixty one-minute buckets. A bucket is emptied when its minute comes round again, so no timer is needed. */
export class MinuteRates {
  readonly #counts = new Float64Array(minutes);
  readonly #minuteOf = new Float64Array(minutes);

  add(nowMs: number): void {
    const minute = Math.floor(nowMs / minuteMs);
    const index = indexOf(minute);
    if (this.#minuteOf[index] !== minute) {
      this.#minuteOf[index] = minute;
      this.#counts[index] = 0;
    }
    this.#counts[index]! += 1;
  }

  /** The last sixty minutes, the current one at the end. */
  read(nowMs: number): number[] {
    const current = Math.floor(nowMs / minuteMs);
    return Array.from({ length: minutes }, (_, position) => {
      const minute = current - (minutes - 1) + position;
      const index = indexOf(minute);
      return this.#minuteOf[index] === minute ? this.#counts[index]! : 0;
    });
  }

  clear(): void {
    this.#counts.fill(0);
  }
}

function indexOf(minute: number): number {
  return ((minute % minutes) + minutes) % minutes;
}
