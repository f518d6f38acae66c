import type { OutboxMessage } from '@kit/tx';
import { createRedisStreamsPublisher } from '@kit/tx/redis-streams';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';

/** Where the outbox leads: Redis Streams when there is a Redis, the log otherwise. */
export function createPublish(redis: Redis | undefined, logger: Logger) {
  if (redis) return createRedisStreamsPublisher({ redis, maxLength: 1_000_000 });
  return async (batch: readonly OutboxMessage[]) => {
    for (const { id, topic, key, payload } of batch) {
      // `key` would be masked: in most services it is a secret.
      logger.info({ messageId: id, topic, subject: key, payload }, 'event');
    }
  };
}

export function connectRedis(url: string, logger: Logger): Redis {
  const redis = new Redis(url, {
    // A Redis that is away must cost a payment next to nothing.
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
