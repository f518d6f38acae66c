export { fullJitter, type FullJitterOptions } from './backoff.js';
export type { AdaptiveTimeoutOptions } from './adaptive.js';
export { createBreaker } from './breaker.js';
export type { Backoff, BreakerOptions, BreakerSettings, StateChange } from './breaker-options.js';
export type { Breaker, BreakerEvidence, BreakerSnapshot } from './breaker-types.js';
export { createBulkhead, type Bulkhead, type BulkheadOptions } from './bulkhead.js';
export {
  breakerChannels,
  type BreakerCounts,
  type BreakerState,
  type CallEvent,
  type RejectedEvent,
  type RetriedEvent,
  type StaleEvent,
  type StateChangedEvent,
  type StateChangeReason,
} from './channels.js';
export { getRemainingMs, runWithDeadline } from './deadline.js';
export {
  BreakerOpenError,
  BulkheadFullError,
  DeadlineExceededError,
  HttpStatusError,
  isBreakerOpenError,
  isBulkheadFullError,
  isDeadlineExceededError,
  isHttpStatusError,
  isResponseTooLargeError,
  isTimeoutError,
  type RejectionReason,
  ResponseTooLargeError,
  TimeoutError,
} from './errors.js';
export type { Outcome, Verdict } from './outcome.js';
export { createPipeline, type Fallback, type Pipeline, type PipelineOptions } from './pipeline.js';
export type { PipelineRunOptions } from './pipeline.js';
export type { PipelinePartsOptions } from './pipeline-parts.js';
export { presets } from './presets.js';
export { createBreakerRegistry, type BreakerRegistry, type BreakerRegistryOptions } from './registry.js';
export { createRetry, type Retry, type RetryContext, type RetryOptions } from './retry.js';
export { createRetryBudget, type RetryBudget, type RetryBudgetOptions } from './retry-budget.js';
export type { Guarded, RunContext, RunOptions } from './run-context.js';
export type { TimedContext } from './timed-call.js';
export { createTimeout, type Timeout, type TimeoutOptions, type TimeoutRunOptions } from './timeout.js';
export {
  createHttpClient,
  type Fetch,
  type HttpClient,
  type HttpClientOptions,
  type ResponsePromise,
} from './http-client.js';
export type {
  HttpRequestInit,
  HttpRequestOptions,
  Query,
  RequestBody,
  RequestHeaders,
} from './http-request.js';
export {
  type BreakerAdmin,
  type BreakerAdminOptions,
  type BreakerHostOptions,
  createBreakerAdmin,
  createBreakerHost,
  type HttpAnswer,
} from './admin.js';
export { guardMethod } from './guard-method.js';
export { toHttpAnswer } from './http-answer.js';
export {
  type Ballot,
  type BallotBox,
  checkShareOptions,
  createBallotBox,
  type InstanceReport,
} from './ballot-box.js';
