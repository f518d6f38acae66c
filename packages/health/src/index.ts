export { type BacklogCheckOptions, type BacklogLike, outboxCheck, sagaCheck } from './backlog-check.js';
export { breakerCheck, type BreakerCheckOptions, type BreakerLike } from './breaker-check.js';
export { type CheckedEvent, healthChannels, type ReadinessChangedEvent } from './channels.js';
export type { Check, CheckContext, CheckResult, HealthStatus } from './check.js';
export { diskCheck, type DiskCheckOptions } from './disk-check.js';
export type { Endpoint, ProbeAnswer } from './endpoints.js';
export { eventLoopCheck, type EventLoopCheckOptions } from './event-loop-check.js';
export { HealthError, type HealthErrorCode, isHealthError } from './errors.js';
export type { CheckBody, HealthBody } from './exposure.js';
export {
  type CloseHook,
  type GracefulShutdown,
  gracefulShutdown,
  type GracefulShutdownOptions,
} from './graceful-shutdown.js';
export { createHealth, type Health, type ReportOptions } from './health.js';
export { httpCheck, type HttpCheckOptions } from './http-check.js';
export { knexCheck, type KnexCheckOptions } from './knex-check.js';
export type { KnexLike } from './knex-pool.js';
export { memoryCheck, type MemoryCheckOptions } from './memory-check.js';
export { healthHandler, sendAnswer } from './node-handler.js';
export type { AddOptions, HealthOptions, ReadinessPolicy } from './options.js';
export { redisCheck, type RedisCheckOptions, type RedisLike } from './redis-check.js';
export type { CheckReport, HealthReport } from './report.js';
export type { Thresholds } from './status-latch.js';
