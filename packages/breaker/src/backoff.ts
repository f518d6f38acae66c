import type { IBackoff } from 'cockatiel';
import type { Backoff } from './breaker-options.js';
import { checkFunction, checkNumber, checkObject, complaint } from './validate.js';

/** Options of `fullJitter`. */
export interface FullJitterOptions {
  /** Upper bound of the first delay in ms; doubles with every attempt. @default 100, or `maxMs` if that is less */
  baseMs?: number | undefined;
  /** Upper bound of every delay in ms. @default 2_000 */
  maxMs?: number | undefined;
  /** Lower bound of every delay in ms. @default 0 */
  minMs?: number | undefined;
  /** Source of chance, 0 to 1. @default Math.random */
  random?: (() => number) | undefined;
}

/**
 * Exponential backoff whose delays are drawn evenly from zero to the bound, so that callers that failed together do
 * not come back together (AWS Architecture Blog, "Exponential Backoff And Jitter").
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import { createRetry, fullJitter } from '@kit/breaker';
 *
 * const retry = createRetry({ maxAttempts: 3, backoff: fullJitter({ baseMs: 100, maxMs: 2_000 }) });
 * ```
 */
export function fullJitter(options: FullJitterOptions = {}): Backoff {
  checkObject('options', options);
  const baseMs = checkNumber('baseMs', options.baseMs ?? Math.min(100, options.maxMs ?? 100), { above: 0 });
  const maxMs = checkNumber('maxMs', options.maxMs ?? Math.max(2_000, baseMs), { above: 0 });
  const minMs = checkNumber('minMs', options.minMs ?? 0, { atLeast: 0 });
  const random = checkFunction('random', options.random) ?? Math.random;
  if (maxMs < baseMs) throw new RangeError(complaint('maxMs', `>= baseMs (${baseMs})`, maxMs));
  if (maxMs < minMs) throw new RangeError(complaint('maxMs', `>= minMs (${minMs})`, maxMs));

  const step = (attempt: number): IBackoff<unknown> => ({
    duration: minMs + random() * Math.max(0, Math.min(maxMs, baseMs * 2 ** attempt) - minMs),
    next: () => step(attempt + 1),
  });
  return { next: () => step(0) };
}
