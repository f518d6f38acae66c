import { monotonic } from './clock.js';
import type { TimeLimit } from './deadline.js';
import type { Guarded, RunContext } from './run-context.js';
import type { TimerEntry, TimerQueue } from './timer-queue.js';

/** What bounds a call in time; the smaller of the two counts. */
export interface CallBounds {
  /** The call's own timeout in ms. */
  timeoutMs: number | undefined;
  /** The shared timer for exactly `timeoutMs`, when there is one. */
  queue?: TimerQueue | undefined;
  /** A point in time that is not the call's own. */
  limit?: TimeLimit | undefined;
  attempt?: number | undefined;
  error(): Error;
}

/** What a timed function gets. */
export interface TimedContext extends RunContext {
  /** How long this attempt may take, in ms; undefined without a bound. */
  readonly timeoutMs: number | undefined;
  /** 1 for the first call, more for its retries. */
  readonly attempt: number;
}

/**
 * Runs `fn` until it settles, its time is over or the caller aborts, whichever is first; `fn` may be deaf to abort.
 * Afterwards its signal is left alone: aborting it would kill a body that nobody has read yet.
 */
export function runTimed<T>(
  bounds: CallBounds,
  caller: AbortSignal | undefined,
  fn: Guarded<T, TimedContext>,
): Promise<T> {
  if (caller?.aborted) return Promise.reject(caller.reason);
  return new Promise<T>((resolve, reject) => {
    const call = new TimedCall(bounds, caller, reject);
    try {
      const result = fn(call);
      if (
        typeof result === 'object' &&
        result !== null &&
        'then' in result &&
        typeof result.then === 'function'
      )
        result.then(
          (value) => {
            if (call.finish()) resolve(value);
          },
          (error) => {
            if (call.finish()) reject(error);
          },
        );
      else if (call.finish()) resolve(result);
    } catch (error) {
      if (call.finish()) reject(error);
    }
  });
}

/** One call, its timer entry and its abort signal in one object; the signal is made only if `fn` looks at it. */
class TimedCall implements TimedContext, TimerEntry {
  dueAt = 0;
  previous: TimerEntry | undefined;
  next: TimerEntry | undefined;
  readonly timeoutMs: number | undefined;
  readonly attempt: number;
  private done = false;
  private reason: unknown;
  private controller: AbortController | undefined;
  private made: AbortSignal | undefined;
  private queue: TimerQueue | undefined;
  private timer: NodeJS.Timeout | undefined;
  private expiry: () => Error;

  constructor(
    bounds: CallBounds,
    private readonly caller: AbortSignal | undefined,
    private readonly reject: (reason: unknown) => void,
  ) {
    const { timeoutMs, limit } = bounds;
    this.attempt = bounds.attempt ?? 1;
    const left = limit === undefined ? undefined : limit.endsAt - monotonic();
    const limited = left !== undefined && (timeoutMs === undefined || left < timeoutMs);
    this.timeoutMs = limited ? Math.max(0, left) : timeoutMs;
    this.expiry = limited ? () => limit!.error() : () => bounds.error();
    if (!limited && bounds.queue !== undefined) (this.queue = bounds.queue).add(this);
    else if (this.timeoutMs !== undefined)
      this.timer = setTimeout(() => this.expire(), Math.ceil(this.timeoutMs));
    caller?.addEventListener('abort', this);
  }

  get signal(): AbortSignal {
    if (this.made === undefined) {
      this.controller = new AbortController();
      if (this.reason !== undefined) this.controller.abort(this.reason);
      // `any` holds on weakly: the caller can still end a body that is read after the call, and nothing leaks.
      this.made = this.caller
        ? AbortSignal.any([this.caller, this.controller.signal])
        : this.controller.signal;
    }
    return this.made;
  }

  /** The caller has aborted. */
  handleEvent(): void {
    this.stop(this.caller!.reason);
  }

  expire(): void {
    this.queue = undefined;
    this.stop(this.expiry());
  }

  /** True for the first end of the call, whatever it is. */
  finish(): boolean {
    if (this.done) return false;
    this.done = true;
    this.queue?.remove(this);
    if (this.timer !== undefined) clearTimeout(this.timer);
    this.caller?.removeEventListener('abort', this);
    return true;
  }

  private stop(reason: unknown): void {
    if (!this.finish()) return;
    this.reason = reason;
    this.reject(reason);
    this.controller?.abort(reason);
  }
}
