import type { Breaker } from './breaker-types.js';
import type { BreakerSettings } from './breaker-options.js';
import { createBreaker } from './breaker.js';
import { type Bulkhead, type BulkheadOptions, type InnerBulkhead, createInnerBulkhead } from './bulkhead.js';
import { type InnerRetry, type Retry, type RetryOptions, createInnerRetry } from './retry.js';
import { type InnerTimeout, type Timeout, type TimeoutOptions, createInnerTimeout } from './timeout.js';
import { TIMER_MS, checkName, checkObject, checkOptionalNumber, complaint } from './validate.js';

/** What a pipeline and an HTTP client can be given: each part as an instance or as the options to make it. */
export interface PipelinePartsOptions {
  /** Name in errors and channels, and of the breaker that is made here. */
  name: string;
  breaker?: Breaker | (BreakerSettings & { name?: string | undefined }) | undefined;
  retry?: Retry | RetryOptions | undefined;
  /** Bounds every attempt. */
  timeout?: Timeout | TimeoutOptions | undefined;
  bulkhead?: Bulkhead | BulkheadOptions | undefined;
  /** Bounds the call with all its attempts and waiting times, in ms; at least one attempt's timeout. */
  totalTimeoutMs?: number | undefined;
}

/** @internal */
export interface PipelineParts {
  readonly name: string;
  readonly breaker: Breaker | undefined;
  readonly retry: InnerRetry | undefined;
  readonly timeout: InnerTimeout | undefined;
  readonly bulkhead: InnerBulkhead | undefined;
  readonly totalTimeoutMs: number | undefined;
}

/** @internal */
export function makeParts(options: PipelinePartsOptions): PipelineParts {
  checkObject('options', options);
  const name = checkName(options.name);
  const timeout = part<Timeout, TimeoutOptions, InnerTimeout>(
    'timeout',
    options.timeout,
    'runWithin',
    (own) => createInnerTimeout({ name, ...own }),
  );
  const totalTimeoutMs = checkOptionalNumber('totalTimeoutMs', options.totalTimeoutMs, TIMER_MS);
  if (totalTimeoutMs !== undefined && timeout !== undefined && totalTimeoutMs < timeout.maxTimeoutMs)
    throw new RangeError(
      complaint('totalTimeoutMs', `>= the timeout of one attempt (${timeout.maxTimeoutMs})`, totalTimeoutMs),
    );
  return {
    name,
    breaker: part<Breaker, BreakerSettings, Breaker>('breaker', options.breaker, 'run', (own) =>
      createBreaker({ name, ...own }),
    ),
    retry: part<Retry, RetryOptions, InnerRetry>('retry', options.retry, 'runAttempts', (own) =>
      createInnerRetry({ name, ...own }),
    ),
    timeout,
    bulkhead: part<Bulkhead, BulkheadOptions, InnerBulkhead>('bulkhead', options.bulkhead, 'enter', (own) =>
      createInnerBulkhead({ name, ...own }),
    ),
    totalTimeoutMs,
  };
}

function part<Instance extends object, Options extends object, Inner extends Instance>(
  option: string,
  given: Instance | Options | undefined,
  innerMethod: string,
  create: (options: Options) => Inner,
): Inner | undefined {
  if (given === undefined) return undefined;
  checkObject(option, given);
  if (innerMethod in given) return given as Inner;
  // A cockatiel policy has no place in here, but everything here has one in cockatiel's wrap.
  if ('execute' in given)
    throw new TypeError(complaint(option, "options or this package's own; join others with wrap()", given));
  return create(given as Options);
}
