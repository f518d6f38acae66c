import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import {
  type Ballot,
  type Breaker,
  type BreakerRegistry,
  checkShareOptions,
  createBallotBox,
  type InstanceReport,
} from './index.js';

/** Options of `createSharedState`. */
export interface SharedStateOptions {
  /** Your ioredis client; it is used, never closed. */
  redis: Pick<Redis, 'eval' | 'hdel'>;
  /** The breakers to share; a registry's later ones too. */
  breakers: BreakerRegistry | readonly Breaker[];
  /** Share of the living instances, > 0 and <= 1, that has to agree; never fewer than two of them. @default 0.5 */
  quorum?: number | undefined;
  /** How often the windows are exchanged, in ms. @default 1_000 */
  intervalMs?: number | undefined;
  /** After this long without a sign, in ms, an instance no longer counts. @default 5 × intervalMs */
  ttlMs?: number | undefined;
  /** Name of this instance. @default a random one */
  instanceId?: string | undefined;
  /** Prefix of the two keys in Redis. @default 'kit:breaker' */
  keyPrefix?: string | undefined;
}

/** Breakers that listen to their siblings in other processes. */
export interface SharedState extends AsyncDisposable {
  readonly instanceId: string;
  /** Exchanges the windows now; false when Redis did not answer within `ttlMs`, which is never an error. */
  sync(): Promise<boolean>;
  /** Stops the exchange and takes this instance's window out of Redis. */
  close(): Promise<void>;
}

/**
 * Redis's own clock decides who is alive, so the instances' clocks need not agree. One round trip an interval.
 * A report that waited too long on its way, in a client's queue or a frozen Redis, is old news and is not kept.
 */
const EXCHANGE = `
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
if ms <= tonumber(ARGV[4]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('ZADD', KEYS[2], ms, ARGV[1])
end
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ms - ARGV[3])
for _, id in ipairs(gone) do
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3] * 2)
redis.call('PEXPIRE', KEYS[2], ARGV[3] * 2)
return {ms, redis.call('HGETALL', KEYS[1])}`;

/**
 * Lets a closed breaker open early when a quorum of instances sees the partner fail, each by its own window, so that
 * one bad node cannot open the others' breakers. Calls never wait for Redis; without Redis every breaker is alone.
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import { createBreakerRegistry } from '@kit/breaker';
 * import { createSharedState } from '@kit/breaker/redis';
 * import { Redis } from 'ioredis';
 *
 * const breakers = createBreakerRegistry();
 * const shared = createSharedState({ redis: new Redis(), breakers });
 * process.once('SIGTERM', () => void shared.close());
 * ```
 */
export function createSharedState(options: SharedStateOptions): SharedState {
  const { redis, breakers, instanceId = randomUUID() } = options;
  const { quorum, intervalMs, ttlMs, keyPrefix } = checkShareOptions(options);
  const box = createBallotBox(breakers, quorum);
  const keys = [`{${keyPrefix}}:windows`, `{${keyPrefix}}:seen`] as const;
  let exchange: Promise<boolean> | undefined;
  let closed = false;
  /** Redis's clock less this process's monotonic one, as of the last answer. */
  let aheadMs: number | undefined;

  const exchangeOnce = async () => {
    const sentAt = performance.now();
    const own = JSON.stringify(box.report());
    // Before the first answer Redis's time is not known, and no report can be dated.
    const keepUntil = aheadMs === undefined ? 0 : Math.floor(sentAt + aheadMs + ttlMs);
    const answer = await redis.eval(EXCHANGE, 2, ...keys, instanceId, own, ttlMs, keepUntil);
    const [redisMs, flat] = answer as [number, string[]];
    const now = performance.now();
    aheadMs = redisMs - now;
    if (!closed && now - sentAt <= ttlMs) box.decide(parse(flat));
  };
  const exchangeNow = async (): Promise<boolean> => {
    if (closed) return false;
    try {
      if (aheadMs === undefined) await exchangeOnce();
      await exchangeOnce();
      return true;
    } catch {
      return false;
    }
  };
  // A frozen Redis gets one command, not one an interval.
  const start = () =>
    (exchange ??= exchangeNow().finally(() => {
      exchange = undefined;
    }));
  const timer = setInterval(() => void start(), intervalMs).unref();
  const sync = () => Promise.race([start(), delay(ttlMs).then(() => false)]);

  const close = async () => {
    clearInterval(timer);
    closed = true;
    // The entry runs out by itself; Redis may be away.
    await Promise.race([redis.hdel(keys[0], instanceId).catch(() => 0), delay(200)]);
  };
  return { instanceId, sync, close, [Symbol.asyncDispose]: close };
}

function parse(flat: string[]): InstanceReport[] {
  const reports: InstanceReport[] = [];
  for (let at = 1; at < flat.length; at += 2) {
    try {
      const report: unknown = JSON.parse(flat[at]!);
      if (typeof report === 'object' && report !== null) reports.push(report as Record<string, Ballot>);
    } catch {
      // Another version's report; its instance has no vote.
    }
  }
  return reports;
}

function delay(ms: number): Promise<number> {
  return new Promise((resolve) => setTimeout(resolve, ms, 0).unref());
}
