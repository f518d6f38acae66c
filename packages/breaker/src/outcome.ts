import {
  NOT_SENT,
  isBulkheadFullError,
  isDeadlineExceededError,
  isHttpStatusError,
  isResponseTooLargeError,
  isTimeoutError,
} from './errors.js';
import { reportThrow } from './report.js';

/** How a call ended, in the shape of `Promise.allSettled`. */
export type Outcome =
  | { readonly status: 'fulfilled'; readonly value: unknown }
  | { readonly status: 'rejected'; readonly reason: unknown };

/** What an outcome says about the partner. */
export type Verdict = 'success' | 'failure' | 'ignore';

/** What `classify` says of an outcome, or the usual when it is absent, throws or says something else. */
export function judge(
  config: { classify?: ((outcome: Outcome) => Verdict) | undefined },
  outcome: Outcome,
): Verdict {
  if (config.classify !== undefined)
    try {
      const verdict: unknown = config.classify(outcome);
      if (verdict === 'success' || verdict === 'failure' || verdict === 'ignore') return verdict;
    } catch (error) {
      reportThrow(config, 'classify', error);
    }
  return outcome.status === 'fulfilled' ? 'success' : verdictOn(outcome.reason);
}

/**
 * The verdict when there is no `classify`: a value is a success and a rejection a failure, except what says nothing
 * about the partner's health (429, our own full bulkhead or body limit, no time left to send anything) or even speaks for it (other 4xx, 501).
 */
function verdictOn(reason: unknown): Verdict {
  if (isHttpStatusError(reason)) return verdictOnStatus(reason.status);
  if (isBulkheadFullError(reason) || isResponseTooLargeError(reason)) return 'ignore';
  return isDeadlineExceededError(reason) && NOT_SENT in reason ? 'ignore' : 'failure';
}

export function isTimeoutLike(reason: unknown): boolean {
  if (isTimeoutError(reason) || isDeadlineExceededError(reason)) return true;
  return typeof reason === 'object' && reason !== null && 'name' in reason && reason.name === 'TimeoutError';
}

function verdictOnStatus(status: number): Verdict {
  if (status === 429) return 'ignore';
  return status === 408 || (status >= 500 && status !== 501) ? 'failure' : 'success';
}
