import { performance } from 'node:perf_hooks';
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
  /** When rounds are wanted beside the poll, the earliest first, by a clock that nobody sets. */
  const wishes: number[] = [];
  let pollAt = 0;
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Infinity;
  let round: Promise<void> | undefined;
  let closed = false;
  setTimer();
  return {
    wakeIn,
    async close() {
      closed = true;
      clearTimeout(timer);
      await round;
    },
  };

  /** Every wish is kept, also behind an earlier one: whose round comes too early for it. */
  function wakeIn(delayMs: number): void {
    const at = delayMs <= 0 ? 0 : roundedUp(performance.now() + delayMs, delayMs);
    const before = wishes.findLastIndex((wish) => wish <= at);
    if (wishes[before] !== at) wishes.splice(before + 1, 0, at);
    setTimer();
  }

  function setTimer(): void {
    const at = Math.min(pollAt, wishes[0] ?? Infinity);
    if (closed || at >= timerAt) return;
    clearTimeout(timer);
    timerAt = at;
    // Outside whatever transaction or request happens to wake us.
    timer = runInContext({}, () => setTimeout(onTimer, Math.max(0, at - performance.now())));
    timer.unref();
  }

  function onTimer(): void {
    timerAt = Infinity;
    // Whatever is wanted during a round is looked at by the next one.
    if (round !== undefined) return;
    // A timer may be a fraction of a millisecond early.
    const now = performance.now() + 1;
    while ((wishes[0] ?? Infinity) <= now) wishes.shift();
    round = look().then((more) => {
      round = undefined;
      pollAt = more ? 0 : performance.now() + pollMs;
      setTimer();
    });
  }
}

/** Up to a sixteenth late, so that thousands of wishes are some dozens. */
function roundedUp(at: number, delayMs: number): number {
  const stepMs = 2 ** Math.max(0, Math.floor(Math.log2(delayMs / 16)));
  return Math.ceil(at / stepMs) * stepMs;
}
