import { RollingQuantile } from './quantile.js';
import { TIMER_MS, checkNumber, checkObject, complaint } from './validate.js';

const MINIMUM_SAMPLES = 20;
const MAX_KEYS = 1_000;
/** A timed-out call is known only to have taken longer; counted at the timeout itself, survivors would ratchet it down. */
const CENSORED_FACTOR = 2;

/** Options of an adaptive timeout. */
export interface AdaptiveTimeoutOptions {
  /** Quantile of the durations, > 0 and <= 1. @default 0.99 */
  quantile?: number | undefined;
  /** What the quantile is multiplied with, >= 1. @default 2 */
  factor?: number | undefined;
  /** Lower bound in ms. */
  minMs: number;
  /** Upper bound in ms, and the timeout until there are 20 samples. */
  maxMs: number;
  /** How many of the last calls count. @default 512 */
  samples?: number | undefined;
}

/** Learns a timeout from how long calls take, separately for each key; at most 1,000 keys are remembered. */
export class AdaptiveTimeout {
  private readonly keys = new Map<string, RollingQuantile>();
  private readonly config: Required<{ [K in keyof AdaptiveTimeoutOptions]: number }>;

  constructor(options: AdaptiveTimeoutOptions) {
    checkObject('adaptive', options);
    this.config = {
      quantile: checkNumber('adaptive.quantile', options.quantile ?? 0.99, { above: 0, atMost: 1 }),
      factor: checkNumber('adaptive.factor', options.factor ?? 2, { atLeast: 1 }),
      minMs: checkNumber('adaptive.minMs', options.minMs, TIMER_MS),
      maxMs: checkNumber('adaptive.maxMs', options.maxMs, TIMER_MS),
      samples: checkNumber('adaptive.samples', options.samples ?? 512, {
        atLeast: 1,
        atMost: 100_000,
        integer: true,
      }),
    };
    const { minMs, maxMs } = this.config;
    if (maxMs < minMs)
      throw new RangeError(complaint('adaptive.maxMs', `>= adaptive.minMs (${minMs})`, maxMs));
  }

  get maxMs(): number {
    return this.config.maxMs;
  }

  timeoutMs(key: string): number {
    const { quantile, factor, minMs, maxMs } = this.config;
    const durations = this.keys.get(key);
    if (durations === undefined || durations.seen < MINIMUM_SAMPLES) return maxMs;
    return Math.min(maxMs, Math.max(minMs, durations.at(quantile) * factor));
  }

  record(key: string, durationMs: number): void {
    this.durationsOf(key).add(durationMs);
  }

  recordTimeout(key: string, timeoutMs: number): void {
    this.record(key, timeoutMs * CENSORED_FACTOR);
  }

  private durationsOf(key: string): RollingQuantile {
    const known = this.keys.get(key);
    // Set anew, so that the first key is the one that was used longest ago.
    if (known !== undefined) this.keys.delete(key);
    else if (this.keys.size >= MAX_KEYS) this.keys.delete(this.keys.keys().next().value!);
    const durations = known ?? new RollingQuantile(this.config.samples);
    this.keys.set(key, durations);
    return durations;
  }
}
