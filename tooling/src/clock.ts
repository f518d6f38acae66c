/** A clock that stands still until a test moves it; `now` fits the `now` option of every kit package. */
export function createClock(startMs = 0): {
  now: () => number;
  advance(ms: number): void;
  set(ms: number): void;
} {
  let current = startMs;
  return {
    now: () => current,
    advance(ms) {
      current += ms;
    },
    set(ms) {
      current = ms;
    },
  };
}
