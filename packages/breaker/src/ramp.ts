const FIRST_SHARE = 0.1;

/** After closing, admits a share of the calls that grows evenly from 10 to 100 %. */
export class Ramp {
  private endsAt = Number.NEGATIVE_INFINITY;
  private credit = 0;

  constructor(private readonly rampMs: number) {}

  start(now: number): void {
    this.endsAt = now + this.rampMs;
    // The first call after closing is let through.
    this.credit = 1 - FIRST_SHARE;
  }

  stop(): void {
    this.endsAt = Number.NEGATIVE_INFINITY;
  }

  /** Every call brings its share of a permit, so the admitted share is exact without chance. */
  admits(now: number): boolean {
    if (now >= this.endsAt) return true;
    this.credit += 1 - (1 - FIRST_SHARE) * (this.waitMs(now) / this.rampMs);
    // Ten times 0.1 is a little less than 1.
    if (this.credit < 1 - 1e-9) return false;
    this.credit -= 1;
    return true;
  }

  waitMs(now: number): number {
    return this.endsAt - now;
  }
}
