import { monotonic } from './clock.js';
import { DEADLINE_FLOOR_MS, type TimeLimit, ambientLimit } from './deadline.js';
import { TimeoutError } from './errors.js';
import type { PipelineParts } from './pipeline-parts.js';
import type { Guarded, RunOptions } from './run-context.js';
import { type TimedContext, runTimed } from './timed-call.js';

/** One call through the parts. @internal */
export interface PipelineRun extends RunOptions {
  key?: string | undefined;
  /** In place of the attempt timeout. */
  timeoutMs?: number | undefined;
  mayRetry?: ((error: unknown, chosen: boolean) => boolean) | undefined;
}

/**
 * Total timeout and deadline → bulkhead → retry and budget → breaker → attempt timeout → call. Every attempt ends by
 * the total limit at the latest, and no wait goes past it, so the limit needs no timer of its own.
 *
 * @internal
 */
export async function runThrough<T>(
  parts: PipelineParts,
  call: PipelineRun,
  fn: Guarded<T, TimedContext>,
): Promise<T> {
  if (call.signal?.aborted) throw call.signal.reason;
  const limit = nearest(ambientLimit(parts.name), totalLimit(parts));
  const { bulkhead } = parts;
  if (bulkhead === undefined) return runAttempts(parts, call, limit, fn);
  await bulkhead.enter(call.signal, limit);
  try {
    return await runAttempts(parts, call, limit, fn);
  } finally {
    bulkhead.leave();
  }
}

function runAttempts<T>(
  parts: PipelineParts,
  call: PipelineRun,
  limit: TimeLimit | undefined,
  fn: Guarded<T, TimedContext>,
): Promise<T> {
  const { name, retry } = parts;
  if (retry === undefined) return runAttempt(parts, call, limit, fn, 1);
  return retry.runAttempts({ name, signal: call.signal, limit, mayRetry: call.mayRetry }, (attempt) =>
    runAttempt(parts, call, limit, fn, attempt),
  );
}

function runAttempt<T>(
  parts: PipelineParts,
  call: PipelineRun,
  limit: TimeLimit | undefined,
  fn: Guarded<T, TimedContext>,
  attempt: number,
): Promise<T> {
  // Too late to send anything: the partner must not be blamed for that.
  if (limit !== undefined && limit.endsAt - monotonic() < DEADLINE_FLOOR_MS)
    return Promise.reject(limit.error());
  const { breaker } = parts;
  if (breaker === undefined) return runCall(parts, call, limit, fn, attempt);
  const guarded = () => runCall(parts, call, limit, fn, attempt);
  return call.signal === undefined ? breaker.run(guarded) : breaker.run({ signal: call.signal }, guarded);
}

function runCall<T>(
  { name, timeout }: PipelineParts,
  { signal, key, timeoutMs }: PipelineRun,
  limit: TimeLimit | undefined,
  fn: Guarded<T, TimedContext>,
  attempt: number,
): Promise<T> {
  if (timeout !== undefined)
    return timeout.runWithin({ subject: name, signal, key: keyOf(name, key), limit, timeoutMs, attempt }, fn);
  return runTimed({ timeoutMs, limit, attempt, error: () => new TimeoutError(name, timeoutMs!) }, signal, fn);
}

/** An adaptive timeout that several share learns for each of them. */
function keyOf(name: string, key: string | undefined): string {
  return key === undefined ? name : `${name} ${key}`;
}

function totalLimit({ name, totalTimeoutMs }: PipelineParts): TimeLimit | undefined {
  if (totalTimeoutMs === undefined) return undefined;
  return { endsAt: monotonic() + totalTimeoutMs, error: () => new TimeoutError(name, totalTimeoutMs) };
}

function nearest(a: TimeLimit | undefined, b: TimeLimit | undefined): TimeLimit | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.endsAt <= b.endsAt ? a : b;
}
