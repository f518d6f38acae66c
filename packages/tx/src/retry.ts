import { setTimeout as delay } from 'node:timers/promises';
import type { Engine } from './engine.js';
import type { RetryOptions } from './options.js';

const defaultBaseMs = 10;
const longestPauseMs = 5_000;

/** The driver's error in the chain of causes that makes a repetition worth while. */
export function retryableCause(engine: Engine, error: unknown): { code: string } | undefined {
  for (let cause = error, depth = 0; isObject(cause) && depth < 10; cause = cause.cause, depth += 1)
    if (engine.isRetryable(cause)) return { code: String(cause.code ?? cause.errno) };
  return undefined;
}

/** Full jitter: a random time up to `baseMs * 2^(attempt-1)` (AWS Architecture Blog, "Exponential Backoff And Jitter"). */
export async function pauseBeforeRetry(
  retry: RetryOptions,
  attempt: number,
  aborted: Promise<never> | undefined,
): Promise<void> {
  const limitMs = Math.min((retry.baseMs ?? defaultBaseMs) * 2 ** (attempt - 1), longestPauseMs);
  const over = new AbortController();
  const pause = delay(Math.random() * limitMs, undefined, { signal: over.signal });
  try {
    await (aborted === undefined ? pause : Promise.race([pause, aborted]));
  } finally {
    // A pause that was cut short must not keep the process alive.
    over.abort();
  }
}

function isObject(value: unknown): value is { cause?: unknown; code?: unknown; errno?: unknown } {
  return typeof value === 'object' && value !== null;
}
