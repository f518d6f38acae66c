import { instrumentCache, type Metrics } from '@kit/metrics';
import type { TransactionManager } from '@kit/tx';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import type { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import type { UserRepository } from './user-repository.ts';
import type { User } from './user.ts';

/** Users that were read before; whoever writes makes it forget. */
export interface UserCache {
  read(id: string, load: () => Promise<User | undefined>): Promise<User | undefined>;
  forget(id: string): Promise<void>;
  close(): Promise<void>;
}

/** Two levels: this process' memory and, with Redis, one for all instances; one load for many who ask at once. */
export function createUserCache(metrics: Metrics, redis: Redis | undefined): UserCache {
  const closing = new AbortController();
  const memory = bentostore().useL1Layer(memoryDriver({ maxItems: 10_000 }));
  const store = redis
    ? memory
        .useL2Layer(redisDriver({ connection: redis, prefix: 'user-service' }))
        .useBus(survivingRedis(redisBusDriver({ connection: redis }), closing.signal))
    : memory;
  const bento = new BentoCache({
    default: 'users',
    // What another instance without Redis changed is seen after this long.
    ttl: '10s',
    // After a failure Redis is left alone for a while, and memory answers.
    l2CircuitBreakerDuration: '5s',
    stores: { users: store },
  });
  const stopCounting = instrumentCache(metrics, bento, { name: 'users' });
  return {
    async read(id, load) {
      const kept = await bento.getOrSet({
        key: id,
        factory: async ({ skip }) => {
          const user = await load();
          return user ? JSON.stringify(user) : skip();
        },
      });
      return kept ? revive(kept) : undefined;
    },
    async forget(id) {
      // Memory forgets at once; Redis and the other instances are told within a moment, or learn it after the ttl.
      const told = bento.delete({ key: id }).catch(() => {});
      await Promise.race([told, delay(250, undefined, { ref: false })]);
    },
    async close() {
      stopCounting();
      closing.abort();
      // A Redis that is away cannot be told goodbye.
      await bento.disconnectAll().catch(() => {});
    },
  };
}

/** The cache does not wait for its subscription: a Redis that is away is asked again, until it is there or the cache is closed. */
function survivingRedis(bus: ReturnType<typeof redisBusDriver>, closing: AbortSignal): typeof bus {
  return {
    ...bus,
    factory(options) {
      const driver = bus.factory(options);
      const subscribe = driver.subscribe.bind(driver);
      driver.subscribe = async (...given) => {
        while (!closing.aborted) {
          try {
            return await subscribe(...given);
          } catch {
            // Until then the other instances' changes are seen after the ttl.
            await delay(500, undefined, { ref: false });
          }
        }
      };
      return driver;
    },
  };
}

/** The repository, with every write that is committed taken out of the cache. */
export function forgettingOnWrite(
  repository: UserRepository,
  cache: UserCache,
  tm: TransactionManager,
): UserRepository {
  const forget = (id: string) => tm.afterCommit(() => cache.forget(id));
  return {
    ...repository,
    async update(id, changes) {
      forget(id);
      return repository.update(id, changes);
    },
    async delete(id) {
      forget(id);
      return repository.delete(id);
    },
  };
}

const revive = (text: string): User => {
  const user = JSON.parse(text) as User;
  return { ...user, createdAt: new Date(user.createdAt), updatedAt: new Date(user.updatedAt) };
};
