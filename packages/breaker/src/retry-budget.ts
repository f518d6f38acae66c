import { checkNumber, checkObject, complaint } from './validate.js';

/** Options of `createRetryBudget`, all in tokens. */
export interface RetryBudgetOptions {
  /** Tokens at the start and at most. @default 500 */
  tokens?: number | undefined;
  /** What a retry costs. @default 5 */
  retryCost?: number | undefined;
  /** What a retry after a timeout costs. @default 10 */
  timeoutCost?: number | undefined;
  /** What a success at the first attempt gives back. @default 1 */
  successCredit?: number | undefined;
}

/** Bounds how much retries can add to the load of a failing partner; share one among all callers of a partner. */
export interface RetryBudget {
  /** Tokens left. */
  readonly tokens: number;
  /** Takes the tokens for a retry and returns how many, or 0 when they do not suffice. */
  take(cause?: { timeout: boolean }): number;
  /** Gives back what a retry that then succeeded had taken, or `successCredit` for a first attempt. */
  give(taken?: number): void;
}

/**
 * Creates a token bucket for retries (AWS SDK, standard retry mode): 500 tokens are at most 100 retries in a row.
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import { createRetry, createRetryBudget } from '@kit/breaker';
 *
 * const retry = createRetry({ maxAttempts: 3, budget: createRetryBudget({ tokens: 100 }) });
 * ```
 */
export function createRetryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  checkObject('options', options);
  const capacity = checkNumber('tokens', options.tokens ?? 500, { atLeast: 0 });
  const retryCost = checkNumber('retryCost', options.retryCost ?? 5, { above: 0 });
  const timeoutCost = checkNumber('timeoutCost', options.timeoutCost ?? 10, { above: 0 });
  const successCredit = checkNumber('successCredit', options.successCredit ?? 1, { atLeast: 0 });
  let tokens = capacity;
  return {
    get tokens() {
      return tokens;
    },
    take(cause) {
      const cost = cause?.timeout ? timeoutCost : retryCost;
      if (tokens < cost) return 0;
      tokens -= cost;
      return cost;
    },
    give(taken) {
      tokens = Math.min(capacity, tokens + (taken ?? successCredit));
    },
  };
}

export function checkBudget(value: RetryBudget | RetryBudgetOptions | undefined): RetryBudget | undefined {
  if (value === undefined) return undefined;
  checkObject('budget', value);
  if ('take' in value) {
    if (typeof value.take === 'function' && typeof value.give === 'function') return value;
    throw new TypeError(complaint('budget', 'a retry budget', value));
  }
  return createRetryBudget(value);
}
