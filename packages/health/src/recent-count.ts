/** Counts events of the last while; a bad hour is forgotten when it is over. @internal */
export interface RecentCount {
  add(): void;
  /** Buckets held at this moment. */
  readonly size: number;
  /** Events within the window that ends now, by this clock. */
  count(now: () => number): number;
}

/**
 * One bucket a second and never more than the window has seconds: memory is bounded whatever happens. @internal
 */
export function createRecentCount(windowMs: number): RecentCount {
  const bucketMs = 1_000;
  let buckets: { at: number; events: number }[] = [];
  let clock: () => number = Date.now;
  let hasOwnClock = true;

  const dropOld = (time: number) => {
    // A bucket from the future was counted before the clock was set back.
    buckets = buckets.filter(({ at }) => at > time - windowMs && at <= time);
  };

  return {
    get size() {
      return buckets.length;
    },
    add() {
      const time = clock();
      const newest = buckets.at(-1);
      if (newest && time >= newest.at && time - newest.at < bucketMs) newest.events += 1;
      else {
        dropOld(time);
        buckets.push({ at: time, events: 1 });
      }
    },
    count(now) {
      if (hasOwnClock) {
        // Events came before the first check told us the clock to use: keep their age, not their date.
        const shift = now() - clock();
        for (const bucket of buckets) bucket.at += shift;
        hasOwnClock = false;
      }
      clock = now;
      dropOld(now());
      return buckets.reduce((sum, { events }) => sum + events, 0);
    },
  };
}
