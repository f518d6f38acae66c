import { Redis } from 'ioredis';
import type { Logger } from 'pino';

/** A Redis that is away must cost a request next to nothing. */
export function connectRedis(url: string, logger: Logger): Redis {
  const redis = new Redis(url, {
    commandTimeout: 500,
    maxRetriesPerRequest: 1,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
  });
  return watched(redis, logger);
}

/** The bus of the cache duplicates the connection: what its copies meet belongs into the log as well. */
function watched(redis: Redis, logger: Logger): Redis {
  redis.on('error', (error) => logger.warn({ err: error }, 'redis'));
  const duplicate = redis.duplicate.bind(redis);
  redis.duplicate = (override) => watched(duplicate(override), logger);
  return redis;
}
