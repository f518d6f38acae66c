import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { LeaseLostError, LockUnavailableError } from './errors.js';
import { checkObject, checkSignal, show } from './options.js';

/** The part of ioredis (or any client with this `eval`) that locks need. */
export interface LockRedis {
  eval(script: string, numberOfKeys: number, ...keysAndArguments: (string | number)[]): Promise<unknown>;
}

/** Options of `createLock`. */
export interface LockOptions {
  /** What the keys begin with. @default 'kit:lock:' */
  prefix?: string | undefined;
  /** How long a holder that died blocks the others, in milliseconds; extended every third of it. >= 30. @default 10000 */
  ttlMs?: number | undefined;
  /** How long to wait for a lock that is taken, in milliseconds; 0 tries once. @default 5000 */
  waitMs?: number | undefined;
}

/** Options of one acquisition. */
export interface AcquireOptions {
  /** @default the lock's */
  ttlMs?: number | undefined;
  /** @default the lock's */
  waitMs?: number | undefined;
  /** Its abort ends the waiting. */
  signal?: AbortSignal | undefined;
}

/** A lock that is held. */
export interface HeldLock {
  readonly key: string;
  /** Random; only its holder can extend or release. */
  readonly token: string;
  /** Grows with every holder of the key: write `WHERE fence < ?`, so that a holder that was thought dead changes nothing. */
  readonly fence: number;
  /** Aborts with a `LeaseLostError` when the lock may belong to somebody else. */
  readonly signal: AbortSignal;
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Mutual exclusion among processes, made by {@link createLock}. */
export interface Lock {
  /** @throws KIT_TX_LOCK_UNAVAILABLE after `waitMs` */
  acquire(key: string, options?: AcquireOptions): Promise<HeldLock>;
  /** Runs `fn` while the lock is held. @throws KIT_TX_LOCK_UNAVAILABLE, or KIT_TX_LEASE_LOST if it was lost before `fn` ended */
  run<T>(key: string, fn: (held: HeldLock) => T | Promise<T>): Promise<T>;
  run<T>(key: string, options: AcquireOptions, fn: (held: HeldLock) => T | Promise<T>): Promise<T>;
}

const acquireScript = `
if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return redis.call('incr', KEYS[2])
end
return false`;

const extendScript = `
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('pexpire', KEYS[1], ARGV[2])
end
return 0`;

const releaseScript = `
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('del', KEYS[1])
end
return 0`;

const pollMs = 50;

/**
 * A lock in Redis with a fencing number. Redis can lose a lock (failover, a paused holder): correctness comes from
 * the number in the database's `WHERE`, the lock only saves work. On PostgreSQL prefer `tm.advisoryLock`.
 *
 * @throws RangeError for a wrong `ttlMs` or `waitMs`.
 * @example
 * const lock = createLock(redis);
 * await lock.run('settlement:2026-11', async ({ fence, signal }) => {
 *   await tm.db('settlement').where('fence', '<', fence).update({ fence });
 *   signal.throwIfAborted();
 * });
 */
export function createLock(redis: LockRedis, options: LockOptions = {}): Lock {
  if (typeof redis?.eval !== 'function')
    throw new TypeError(`redis must be a client with eval, such as ioredis, got ${show(redis)}`);
  checkObject(options);
  checkTimes(options);
  const { prefix = 'kit:lock:' } = options;
  if (typeof prefix !== 'string') throw new TypeError(`prefix must be a string, got ${show(prefix)}`);

  const lock: Lock = {
    async acquire(key, acquireOptions = {}) {
      if (typeof key !== 'string' || key === '')
        throw new TypeError(`key must be a non-empty string, got ${show(key)}`);
      checkObject(acquireOptions);
      checkTimes(acquireOptions);
      checkSignal(acquireOptions.signal);
      const ttlMs = acquireOptions.ttlMs ?? options.ttlMs ?? 10_000;
      const waitMs = acquireOptions.waitMs ?? options.waitMs ?? 5_000;
      // One hash slot for both keys.
      const keys = [`${prefix}{${key}}`, `${prefix}{${key}}:fence`] as const;
      const token = randomUUID();
      const deadline = performance.now() + waitMs;
      for (;;) {
        acquireOptions.signal?.throwIfAborted();
        const askedAt = performance.now();
        const fence = await redis.eval(acquireScript, 2, ...keys, token, ttlMs);
        if (fence !== null && fence !== undefined)
          return hold(redis, { key, name: keys[0], token, fence: Number(fence), ttlMs, askedAt });
        if (performance.now() >= deadline)
          throw new LockUnavailableError(`Lock "${key}" was not free within ${waitMs} ms`);
        // Jitter, so that waiting processes do not ask in step.
        await delay(pollMs * (0.5 + Math.random()), undefined, { signal: acquireOptions.signal }).catch(
          () => {},
        );
      }
    },
    async run<T>(
      key: string,
      first: AcquireOptions | ((held: HeldLock) => T | Promise<T>),
      second?: (held: HeldLock) => T | Promise<T>,
    ) {
      const fn = typeof first === 'function' ? first : second;
      if (typeof fn !== 'function') throw new TypeError(`fn must be a function, got ${show(fn)}`);
      const held = await lock.acquire(key, typeof first === 'function' ? {} : first);
      try {
        const result = await fn(held);
        held.signal.throwIfAborted();
        return result;
      } finally {
        await held.release();
      }
    },
  };
  return lock;
}

interface Holding {
  key: string;
  name: string;
  token: string;
  fence: number;
  ttlMs: number;
  askedAt: number;
}

function hold(redis: LockRedis, { key, name, token, fence, ttlMs, askedAt }: Holding): HeldLock {
  const lost = new AbortController();
  // Counted from before Redis was asked: it cannot expire there later than here.
  let expiresAt = askedAt + ttlMs;
  let released = false;
  const lose = () => {
    clearInterval(extending);
    clearTimeout(expiring);
    lost.abort(
      new LeaseLostError(
        `Lock "${key}" was lost: it expired or was taken over; its fence ${fence} keeps late writes out`,
      ),
    );
  };
  const expire = () => {
    const leftMs = expiresAt - performance.now();
    if (leftMs <= 0) lose();
    else expiring = setTimeout(expire, leftMs).unref();
  };
  let expiring = setTimeout(expire, ttlMs).unref();
  const extending = setInterval(() => {
    const extendedAt = performance.now();
    redis.eval(extendScript, 1, name, token, ttlMs).then(
      (extended) => {
        if (released) return;
        if (Number(extended) === 1) expiresAt = extendedAt + ttlMs;
        else lose();
      },
      // Redis may come back before the lock expires.
      () => {},
    );
  }, ttlMs / 3).unref();

  const held: HeldLock = {
    key,
    token,
    fence,
    signal: lost.signal,
    async release() {
      if (released) return;
      released = true;
      clearInterval(extending);
      clearTimeout(expiring);
      // A lock that cannot be given back expires.
      await redis.eval(releaseScript, 1, name, token).catch(() => {});
    },
    [Symbol.asyncDispose]: () => held.release(),
  };
  return held;
}

function checkTimes({ ttlMs, waitMs }: { ttlMs?: number | undefined; waitMs?: number | undefined }): void {
  if (ttlMs !== undefined && !(Number.isInteger(ttlMs) && ttlMs >= 30))
    throw new RangeError(`ttlMs must be an integer >= 30, got ${show(ttlMs)}`);
  if (waitMs !== undefined && !(Number.isFinite(waitMs) && waitMs >= 0))
    throw new RangeError(`waitMs must be >= 0, got ${show(waitMs)}`);
}
