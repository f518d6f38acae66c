import { randomUUID } from 'node:crypto';
import type { Check, CheckResult } from './check.js';
import { failureMessage } from './failure-message.js';
import { createRecentCount } from './recent-count.js';
import { requireBoolean, requireMethod, requireText } from './rules.js';

/** The part of an ioredis client that `redisCheck` uses. */
export interface RedisLike {
  readonly status?: string;
  readonly commandQueue?: { readonly length: number };
  ping(): Promise<unknown>;
  set?(key: string, value: string, unit: 'PX', ms: number): Promise<unknown>;
  get?(key: string): Promise<unknown>;
  on?(event: string, listener: (error?: unknown) => void): unknown;
  off?(event: string, listener: (error?: unknown) => void): unknown;
}

/** Options of `redisCheck`. */
export interface RedisCheckOptions {
  /** @default 'redis' */
  name?: string;
  /** Only PING, for a replica or a user who may not write. @default false */
  readOnly?: boolean;
  /** Names this process in the key that is written, `kit:health:<instance>`. @default a random id */
  instance?: string;
}

const maxTimeouts = 100;
const maxReconnects = 50;
const windowMs = 60_000;
const keyLifetimeMs = 10_000;

/**
 * PING, then writes a key that lives ten seconds and reads it back.
 *
 * Degraded after more than 100 timeouts or 50 reconnects in the last 60 s: connect timeouts that ioredis reports on
 * `error`, the timeouts of this check itself, and ioredis's `reconnecting`. A client that has lost its
 * server is unhealthy at once: a command would only wait in its queue.
 *
 * @example
 * ```ts
 * import { createHealth, redisCheck } from '@kit/health';
 * import { Redis } from 'ioredis';
 *
 * createHealth().add(redisCheck(new Redis({ lazyConnect: true })));
 * ```
 */
export function redisCheck(redis: RedisLike, options: RedisCheckOptions = {}): Check {
  requireMethod('redis', redis, 'ping');
  const name = requireText('name', options.name ?? 'redis');
  const key = `kit:health:${requireText('instance', options.instance ?? randomUUID())}`;
  const readOnly = requireBoolean('readOnly', options.readOnly ?? false);
  const timeouts = createRecentCount(windowMs);
  const reconnects = createRecentCount(windowMs);
  const onError = (error?: unknown) => {
    if (isTimeout(error)) timeouts.add();
  };
  const onReconnecting = () => reconnects.add();
  redis.on?.('error', onError);
  redis.on?.('reconnecting', onReconnecting);

  return {
    name,
    async check({ signal, now }) {
      const recent = { timeouts: timeouts.count(now), reconnects: reconnects.count(now) };
      const metadata = {
        ...(redis.status === undefined ? {} : { status: redis.status }),
        ...(redis.commandQueue ? { commandQueueLength: redis.commandQueue.length } : {}),
        ...recent,
      };
      if (isDown(redis.status))
        return { status: 'unhealthy', message: `the connection is in state ${redis.status}`, metadata };
      const onTimeout = () => timeouts.add();
      signal.addEventListener('abort', onTimeout, { once: true });
      try {
        await redis.ping();
        if (!readOnly && !(await roundTrip(redis, key)))
          return { status: 'unhealthy', message: 'read back another value than was written', metadata };
      } catch (error) {
        if (isTimeout(error)) timeouts.add();
        return { status: 'unhealthy', message: failureMessage(error), metadata };
      } finally {
        signal.removeEventListener('abort', onTimeout);
      }
      return { ...judge(recent), metadata };
    },
    close() {
      redis.off?.('error', onError);
      redis.off?.('reconnecting', onReconnecting);
    },
  };
}

async function roundTrip(redis: RedisLike, key: string): Promise<boolean> {
  if (!redis.set || !redis.get) return true;
  const value = randomUUID();
  await redis.set(key, value, 'PX', keyLifetimeMs);
  return String(await redis.get(key)) === value;
}

function judge(recent: { timeouts: number; reconnects: number }): CheckResult {
  if (recent.timeouts > maxTimeouts)
    return { status: 'degraded', message: `${recent.timeouts} timeouts in the last 60 s` };
  if (recent.reconnects > maxReconnects)
    return { status: 'degraded', message: `${recent.reconnects} reconnects in the last 60 s` };
  return { status: 'healthy' };
}

const isDown = (status: string | undefined) =>
  status === 'reconnecting' || status === 'close' || status === 'end' || status === 'disconnecting';

function isTimeout(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return (
    code === 'ETIMEDOUT' || /ETIMEDOUT|timed out|timeout/i.test(typeof message === 'string' ? message : '')
  );
}
