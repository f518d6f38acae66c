/** What a guarded function gets. */
export interface RunContext {
  /** Aborts when the caller gives up or the time is over. */
  readonly signal: AbortSignal;
}

/** Options of every `run`. */
export interface RunOptions {
  /** The caller's own abort; already aborted means the function is not called at all. */
  signal?: AbortSignal | undefined;
}

/** A function to guard. */
export type Guarded<T, C extends RunContext = RunContext> = (context: C) => PromiseLike<T> | T;

/** For cockatiel's `execute`, which promises a signal: one that never aborts. */
export const neverAborts: AbortSignal = new AbortController().signal;

/** Gives a signal of its own to whoever asks for one; who does not ask pays nothing. */
export class PlainContext implements RunContext {
  private made: AbortSignal | undefined;

  constructor(caller: AbortSignal | undefined) {
    this.made = caller;
  }

  get signal(): AbortSignal {
    return (this.made ??= new AbortController().signal);
  }
}

/** Sorts out `run(fn)` and `run(options, fn)`. */
export function runArguments<O extends object, F>(first: O | F, second: F | undefined): [O | undefined, F] {
  const fn = second ?? first;
  if (typeof fn !== 'function') throw new TypeError('run(options?, fn) needs a function, and it comes last');
  return [second === undefined ? undefined : (first as O), fn];
}
