import { fullJitter } from './backoff.js';

const gobreaker = Object.freeze({
  halfOpenMaxCalls: 3,
  windowMs: 60_000,
  openMs: 30_000,
  minimumCalls: 5,
  failureRatio: 0.6,
});

/**
 * Sets of options to start from: `gobreaker` for `createBreaker`, the others for `createPipeline` and
 * `createHttpClient`.
 *
 * @example
 * ```ts
 * import { createBreaker, createPipeline, presets } from '@kit/breaker';
 *
 * const breaker = createBreaker({ name: 'order-service', ...presets.gobreaker });
 * const pipeline = createPipeline({ name: 'sms-provider', ...presets.provider });
 * ```
 */
export const presets = Object.freeze({
  /** Three trials, a window of 60 s, open for 30 s; opens at 5 calls or more of which 60 % or more failed. */
  gobreaker,
  /** For a service of one's own: 3 attempts a tenth of a second apart, 5 s each and 15 s in all. */
  standard: Object.freeze({
    breaker: gobreaker,
    retry: Object.freeze({ maxAttempts: 3, backoff: fullJitter({ baseMs: 100, maxMs: 2_000 }) }),
    timeout: Object.freeze({ timeoutMs: 5_000 }),
    totalTimeoutMs: 15_000,
  }),
  /** For a provider outside: 3 attempts, 4 to 10 s apart, 10 s each and 60 s in all. */
  provider: Object.freeze({
    breaker: gobreaker,
    retry: Object.freeze({
      maxAttempts: 3,
      backoff: fullJitter({ minMs: 4_000, baseMs: 8_000, maxMs: 10_000 }),
    }),
    timeout: Object.freeze({ timeoutMs: 10_000 }),
    totalTimeoutMs: 60_000,
  }),
});
