import type { Redis } from 'ioredis';
import type { OutboxMessage } from './index.js';

/** Options of `createRedisStreamsPublisher`. */
export interface RedisStreamsOptions {
  /** A connected ioredis; the caller closes it. */
  redis: Pick<Redis, 'pipeline'>;
  /** The stream a message goes to. @default its topic */
  stream?: ((message: OutboxMessage) => string) | undefined;
  /** Streams are trimmed to about so many entries. @default never */
  maxLength?: number | undefined;
}

/**
 * Makes the `publish` of an outbox relay that appends to Redis Streams: one round trip a batch, in the batch's order.
 * An entry has the fields `id`, `topic`, `key`, `payload` (JSON) and `headers` (JSON).
 *
 * @throws RangeError when `maxLength` is not an integer from 1.
 * @example
 * import { Redis } from 'ioredis';
 * const publish = createRedisStreamsPublisher({ redis: new Redis(), maxLength: 100_000 });
 */
export function createRedisStreamsPublisher(
  options: RedisStreamsOptions,
): (batch: readonly OutboxMessage[]) => Promise<void> {
  const { redis, stream = (message: OutboxMessage) => message.topic, maxLength } = options;
  if (maxLength !== undefined && !(Number.isSafeInteger(maxLength) && maxLength >= 1)) {
    throw new RangeError(`maxLength must be an integer >= 1, got ${String(maxLength)}`);
  }
  const trim = maxLength === undefined ? [] : ['MAXLEN', '~', String(maxLength)];
  return async (batch) => {
    const pipeline = redis.pipeline();
    for (const message of batch) {
      const { id, topic, key, payload, headers } = message;
      const fields = {
        id,
        topic,
        ...(key !== undefined && { key }),
        payload: toText(payload),
        headers: toText(headers),
      };
      // In lower case every ioredis 5 knows it, and puts its keyPrefix before the key.
      pipeline.call('xadd', stream(message), ...trim, '*', ...Object.entries(fields).flat());
    }
    for (const [error] of (await pipeline.exec()) ?? []) {
      if (error) throw error;
    }
  };
}

const toText = (value: unknown) => JSON.stringify(value ?? null);
