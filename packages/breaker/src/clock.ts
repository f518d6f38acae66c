/** Reads milliseconds; only differences matter. */
export type Clock = () => number;

/** The process's monotonic clock. */
export const monotonic: Clock = () => performance.now();

/**
 * Makes an injected clock monotonic: when it jumps back (a wall clock that was set), time goes on from where it
 * was, so nothing waits for the jump to be caught up.
 */
export function toMonotonic(now: Clock | undefined): Clock {
  if (now === undefined) return monotonic;
  let last = Number.NEGATIVE_INFINITY;
  let offset = 0;
  return () => {
    const read = now() + offset;
    if (read >= last) return (last = read);
    // A clock that answers NaN stands still.
    if (read < last) offset += last - read;
    return Number.isFinite(last) ? last : 0;
  };
}
