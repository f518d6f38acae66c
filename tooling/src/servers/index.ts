export { findOnPath, hasServer, requireProgram, type ServerKind } from './from-path.ts';
export { startMariaDb, type MariaDbOptions } from './mariadb.ts';
export { startPostgres, type PostgresOptions } from './postgres.ts';
export {
  type PrometheusOptions,
  type PrometheusSample,
  promtool,
  startPrometheus,
  type TestPrometheus,
} from './prometheus.ts';
export { startRedis, type RedisOptions } from './redis.ts';
export { freePort, startServer, type ServerRecipe, type TestServer } from './server-process.ts';
