import type { IDefaultPolicyContext, IPolicy } from 'cockatiel';
import type { Breaker } from './breaker-types.js';
import { type PipelinePartsOptions, makeParts } from './pipeline-parts.js';
import { runThrough } from './pipeline-run.js';
import { asPolicy } from './policy.js';
import { type Guarded, type RunOptions, runArguments } from './run-context.js';
import type { TimedContext } from './timed-call.js';
import { complaint } from './validate.js';

/** What to answer with when everything else has failed: a function, or a cockatiel policy such as its `fallback()`. */
export type Fallback<F> = ((error: unknown) => PromiseLike<F> | F) | IPolicy<IDefaultPolicyContext, F>;

/** Options of `createPipeline`. */
export interface PipelineOptions<F = never> extends PipelinePartsOptions {
  fallback?: Fallback<F> | undefined;
}

/** Options of one call through a pipeline. */
export interface PipelineRunOptions extends RunOptions {
  /** What an adaptive timeout learns for separately, such as a route. */
  key?: string | undefined;
}

/** Everything around a call, in the one order that works; also a cockatiel `IPolicy`. */
export interface Pipeline<F = never> extends IPolicy<IDefaultPolicyContext, F> {
  readonly name: string;
  readonly breaker: Breaker | undefined;
  run<T>(fn: Guarded<T, TimedContext>): Promise<T | F>;
  run<T>(options: PipelineRunOptions, fn: Guarded<T, TimedContext>): Promise<T | F>;
}

/**
 * Joins the parts in this order: fallback → total timeout and deadline → bulkhead → retry and its budget → breaker →
 * attempt timeout → call.
 *
 * @throws RangeError or TypeError that names the wrong option, also when `totalTimeoutMs` is shorter than an attempt.
 * @example
 * ```ts
 * import { createPipeline } from '@kit/breaker';
 *
 * const pipeline = createPipeline({
 *   name: 'order-service',
 *   breaker: { openMs: 10_000 },
 *   retry: { maxAttempts: 3 },
 *   timeout: { timeoutMs: 1_000 },
 *   totalTimeoutMs: 4_000,
 * });
 * await pipeline.run(({ signal }) => fetch('http://localhost:3101/orders', { signal }));
 * ```
 */
export function createPipeline<F = never>(options: PipelineOptions<F>): Pipeline<F> {
  const parts = makeParts(options);
  const withFallback = checkFallback(options.fallback);

  const pipeline = {
    name: parts.name,
    breaker: parts.breaker,
    async run<T>(
      first: PipelineRunOptions | Guarded<T, TimedContext>,
      second?: Guarded<T, TimedContext>,
    ): Promise<T | F> {
      const [o, fn] = runArguments<PipelineRunOptions, Guarded<T, TimedContext>>(first, second);
      const call = o ?? {};
      if (withFallback === undefined) return runThrough(parts, call, fn);
      return withFallback(() => runThrough(parts, call, fn), call.signal);
    },
  };
  return asPolicy<Pipeline<F>>(pipeline);
}

type WithFallback<F> = <T>(run: () => Promise<T>, signal: AbortSignal | undefined) => Promise<T | F>;

/** @internal */
export function checkFallback<F>(fallback: Fallback<F> | undefined): WithFallback<F> | undefined {
  if (fallback === undefined) return undefined;
  if (typeof fallback === 'function')
    return async (run, signal) => {
      try {
        return await run();
      } catch (error) {
        // Who hung up wants no answer.
        if (signal?.aborted) throw error;
        return fallback(error);
      }
    };
  if (typeof fallback?.execute !== 'function')
    throw new TypeError(complaint('fallback', 'a function or a cockatiel policy', fallback));
  return (run, signal) => fallback.execute(run, signal);
}
