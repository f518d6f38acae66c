export { createMetrics, type Metrics } from './metrics.js';
export type { Instruments } from './instrument-maker.js';
export type { MetricsLogger, MetricsOptions } from './options.js';
export type { PrometheusClient, PrometheusRegistry } from './client.js';
export type { BoundCounter, Counter } from './counter.js';
export type { BoundGauge, Gauge } from './gauge.js';
export type { BoundHistogram, Histogram } from './histogram.js';
export type { CounterOptions, GaugeOptions, HistogramOptions } from './instruments.js';
export type { Labels, LabelValue, LabelValues } from './labels.js';
export type { Aggregate } from './family.js';
export type { Business } from './business.js';
export type { HandlerOptions, MetricsHandler } from './handler.js';
export type { TrackHttp } from './http.js';
export type { HttpNaming } from './http-naming.js';
export { observeKit } from './observe-kit.js';
export type { ObservedChannel, ObservedChannels } from './channels.js';
export { instrumentKnex, type InstrumentKnexOptions, type KnexLike } from './instrument-knex.js';
export { instrumentRedis, type InstrumentRedisOptions, type RedisLike } from './instrument-redis.js';
export { type CacheLike, instrumentCache, type InstrumentCacheOptions } from './instrument-cache.js';
export { instrumentQueue, type QueueLike } from './instrument-queue.js';
export { instrumentSagas, type SagasLike } from './instrument-sagas.js';
export { type ClusterMetrics, clusterMetrics, type ClusterMetricsOptions } from './cluster.js';
export { isMetricConflictError, MetricConflictError } from './errors.js';
/** @internal What the adapters share. */
export { checkMetrics } from './arguments.js';
/** @internal */
export { createExpressPage, type ExpressPage, type ExpressPageOptions } from './express-page.js';
/** @internal */
export { createExpressRoutes, type ExpressRouteOf } from './express-route.js';
/** @internal */
export { mountOnAdapter } from './nest-mount.js';
