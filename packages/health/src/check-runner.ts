import { type Check, type CheckContext, type HealthStatus, isHealthStatus } from './check.js';
import { failureMessage, withoutAddresses } from './failure-message.js';
import { plainMetadata } from './metadata.js';
import { createStatusLatch, type Thresholds } from './status-latch.js';

/** What is known about a dependency at one moment. @internal */
export interface Outcome {
  readonly status: HealthStatus;
  readonly message?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly durationMs: number;
  /** When it was observed, by the clock of the `Health`. */
  readonly at: number;
}

/** @internal */
export interface CheckRunner {
  readonly latest: Outcome | undefined;
  /** The cached outcome while it is fresh, else that of the one run in flight, else of a new run. */
  read(): Outcome | Promise<Outcome>;
  /** As `read`, without a look at the cache: what an interval calls. */
  refresh(): Outcome | Promise<Outcome>;
  close(): void;
}

/** @internal */
export interface RunnerOptions {
  timeoutMs: number;
  ttlMs: number;
  thresholds: Required<Thresholds>;
  now: () => number;
  onObserved(outcome: Outcome): void;
}

interface Run {
  answer: Promise<Outcome>;
  timedOut: boolean;
  stop(): void;
}

/** Runs one check, never twice at a time, and remembers what it said. @internal */
export function createCheckRunner(check: Check, options: RunnerOptions): CheckRunner {
  const { timeoutMs, ttlMs, now } = options;
  const latch = createStatusLatch(options.thresholds);
  let shown: Outcome | undefined;
  let freshUntil = -Infinity;
  let run: Run | undefined;
  let isClosed = false;

  const observe = (outcome: Outcome): Outcome => {
    const status = latch(outcome.status);
    // Until the latch gives way, callers keep seeing the last outcome that had the settled status.
    const held = status !== outcome.status && shown;
    shown = held ? { ...held, at: outcome.at, durationMs: outcome.durationMs } : outcome;
    freshUntil = outcome.at + ttlMs;
    options.onObserved(shown);
    return shown;
  };

  const timeout = (): Outcome => ({
    status: 'unhealthy',
    message: `timeout after ${timeoutMs} ms`,
    durationMs: timeoutMs,
    at: now(),
  });

  const start = (): Promise<Outcome> => {
    const startedAt = now();
    const controller = new AbortController();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const timer = setTimeout(() => {
      current.timedOut = true;
      resolve(observe(timeout()));
      controller.abort(new DOMException(`timeout after ${timeoutMs} ms`, 'TimeoutError'));
    }, timeoutMs);
    timer.unref();
    const current: Run = {
      answer: promise,
      timedOut: false,
      stop: () => {
        clearTimeout(timer);
        resolve(closedOutcome(now()));
        controller.abort(new DOMException('health is closed', 'AbortError'));
      },
    };
    run = current;
    void ask(check, { signal: controller.signal, now }).then((result) => {
      clearTimeout(timer);
      run = undefined;
      if (isClosed) return;
      // A run that comes back after its timeout was answered for; what it brings is out of date.
      if (!current.timedOut)
        resolve(observe({ ...result, durationMs: Math.max(0, now() - startedAt), at: now() }));
    });
    return promise;
  };

  const refresh = () => {
    if (isClosed) return shown ?? closedOutcome(now());
    if (!run) return start();
    // The old run still hangs: say so at once, and count it, so that thresholds are reached.
    return run.timedOut ? observe(timeout()) : run.answer;
  };

  return {
    get latest() {
      return shown;
    },
    read() {
      const time = now();
      // A clock that was set back must not keep an answer alive.
      if (shown && time < freshUntil && time >= shown.at) return shown;
      return refresh();
    },
    refresh,
    close() {
      isClosed = true;
      run?.stop();
      try {
        check.close?.();
      } catch {
        // A check that cannot end its listeners must not keep the others from ending theirs.
      }
    },
  };
}

const closedOutcome = (at: number): Outcome => ({
  status: 'unhealthy',
  message: 'health is closed',
  durationMs: 0,
  at,
});

/** A check's answer in the only three forms there are; never rejects. */
async function ask(
  check: Check,
  ctx: CheckContext,
): Promise<Pick<Outcome, 'status' | 'message' | 'metadata'>> {
  try {
    const result: unknown = await check.check(ctx);
    const { status, message, metadata } = (result ?? {}) as Record<string, unknown>;
    if (!isHealthStatus(status))
      return { status: 'unhealthy', message: 'the check returned no valid status' };
    return {
      status,
      message: typeof message === 'string' ? withoutAddresses(message) : undefined,
      metadata: plainMetadata(metadata),
    };
  } catch (error) {
    return { status: 'unhealthy', message: failureMessage(error) };
  }
}
