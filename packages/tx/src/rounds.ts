import { runInContext } from './context.js';

/** @internal */
export interface Rounds {
  /** Wants a round in so many milliseconds, unless one comes earlier. */
  wakeIn(delayMs: number): void;
  /** No further round; resolves when the running one has ended. */
  close(): Promise<void>;
}

/**
 * Calls `look` at once, then every `pollMs` and whenever it is woken; never twice at the same time.
 *
 * @internal
 * @param look says true when there is more to do right now; must not reject.
 */
export function createRounds(pollMs: number, look: () => Promise<boolean>): Rounds {
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Infinity;
  let round: Promise<void> | undefined;
  let wokenMeanwhile = false;
  let closed = false;
  wakeIn(0);
  return {
    wakeIn,
    async close() {
      closed = true;
      clearTimeout(timer);
      await round;
    },
  };

  /** The earliest wish wins. */
  function wakeIn(delayMs: number): void {
    const at = Date.now() + delayMs;
    if (closed || at >= timerAt) return;
    clearTimeout(timer);
    timerAt = at;
    // Outside whatever transaction or request happens to wake us.
    timer = runInContext({}, () => setTimeout(onTimer, delayMs));
    timer.unref();
  }

  function onTimer(): void {
    timerAt = Infinity;
    wokenMeanwhile = round !== undefined;
    round ??= look().then((more) => {
      round = undefined;
      wakeIn(more || wokenMeanwhile ? 0 : pollMs);
      wokenMeanwhile = false;
    });
  }
}
