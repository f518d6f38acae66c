import { checkMethods, checkMetrics } from './arguments.js';
import { parseRedisInfo, type RedisInfo } from './redis-info.js';
import type { BoundCounter } from './counter.js';
import { untilClosed } from './closing.js';
import { createGuard } from './collectors.js';
import type { Metrics } from './metrics.js';
import { checkNumber } from './options.js';

/** The part of ioredis that is used. */
export interface RedisLike {
  readonly status?: string;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  removeListener(event: string, listener: (...args: unknown[]) => void): unknown;
  info(): Promise<string>;
}

/** What `instrumentRedis` takes. */
export interface InstrumentRedisOptions {
  /** Label `redis`. @default 'default' */
  name?: string | undefined;
  /** Milliseconds `INFO` may take at a scrape before Redis counts as down. Range 1 to 60,000. @default 500 */
  infoTimeoutMs?: number | undefined;
}

/**
 * Shows what Redis says of itself (`INFO`, at each scrape) and how its connection fares. Returns `stop()`.
 * @example
 * import client from 'prom-client';
 * import { Redis } from 'ioredis';
 * import { createMetrics, instrumentRedis } from '@kit/metrics';
 * instrumentRedis(createMetrics({ client }), new Redis(), { name: 'cache' });
 */
export function instrumentRedis(
  metrics: Metrics,
  redis: RedisLike,
  options: InstrumentRedisOptions = {},
): () => void {
  checkMetrics(metrics);
  checkMethods('redis', redis, ['on', 'removeListener', 'info']);
  const name = options.name ?? 'default';
  const timeoutMs = checkNumber('infoTimeoutMs', options.infoTimeoutMs ?? 500, 1, 60_000);
  const instruments = createRedisInstruments(metrics, name);
  const { up, reconnects, errors } = instruments;
  up.set(redis.status === 'ready' ? 1 : 0);

  const listeners: Record<string, () => void> = {
    ready: () => up.set(1),
    close: () => up.set(0),
    end: () => up.set(0),
    error: () => errors.inc(),
    reconnecting: () => reconnects.inc(),
  };
  for (const [event, listener] of Object.entries(listeners)) redis.on(event, listener);

  // One INFO at a time: a Redis that hangs must not collect a queue of them.
  const guard = createGuard();
  const ask = async () => parseRedisInfo(await redis.info());
  const endScrape = metrics.onScrape(`kit_redis_up ${name}`, async () => {
    if (redis.status !== undefined && redis.status !== 'ready') return up.set(0);
    const info = await guard.attempt(ask, ask, timeoutMs);
    up.set(info.ok ? 1 : 0);
    if (info.ok) instruments.show(info.value);
  });

  return untilClosed(metrics, () => {
    endScrape();
    for (const [event, listener] of Object.entries(listeners)) redis.removeListener(event, listener);
  });
}

function createRedisInstruments(metrics: Metrics, name: string) {
  const labels = ['redis'] as const;
  const gauge = (metric: string, help: string, aggregate: 'min' | 'max' = 'max') =>
    metrics.gauge(metric, { help, labels, aggregate }).child(name);
  const counter = (metric: string, help: string) => metrics.counter(metric, { help, labels }).child(name);

  const clients = gauge('kit_redis_connected_clients', 'Connections to the Redis server.');
  const memory = gauge('kit_redis_memory_used_bytes', 'Memory the Redis server uses for data.');
  const maxMemory = gauge('kit_redis_memory_max_bytes', 'maxmemory of the Redis server, 0 for no limit.');
  const keys = gauge('kit_redis_keys', 'Keys in all databases of the Redis server.');
  // The server counts, and every process of a service sees the same count.
  const served = (metric: string, help: string) =>
    following(metrics.counter(metric, { help, labels, aggregate: 'max' }).child(name));
  const hits = served('kit_redis_keyspace_hits_total', 'Lookups of keys that existed.');
  const misses = served('kit_redis_keyspace_misses_total', 'Lookups of keys that did not exist.');
  const commands = served('kit_redis_commands_processed_total', 'Commands the server ran.');
  const evicted = served('kit_redis_evicted_keys_total', 'Keys dropped for want of memory.');

  return {
    up: gauge('kit_redis_up', 'Whether Redis answers: 1 yes, 0 no.', 'min'),
    reconnects: counter('kit_redis_reconnects_total', 'Times the connection had to be made again.'),
    errors: counter('kit_redis_errors_total', 'Errors of the connection.'),
    show(info: RedisInfo) {
      clients.set(info.connectedClients);
      memory.set(info.usedMemory);
      maxMemory.set(info.maxMemory);
      keys.set(info.keys);
      hits(info.keyspaceHits);
      misses(info.keyspaceMisses);
      commands(info.commandsProcessed);
      evicted(info.evictedKeys);
    },
  };
}

/** Follows a count that somebody else keeps and may start anew. */
function following(counter: BoundCounter): (total: number) => void {
  let before = 0;
  return (total) => {
    counter.inc(total >= before ? total - before : total);
    before = total;
  };
}
