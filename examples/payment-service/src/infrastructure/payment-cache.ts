import { instrumentCache, type Metrics } from '@kit/metrics';
import type { TransactionManager } from '@kit/tx';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import type { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import type { PaymentCache } from '../application/ports.ts';
import type { PaymentRepository } from '../domain/payment/payment-repository.ts';
import type { Payment } from '../domain/payment/payment.ts';

/** What another instance without Redis changed is seen after this long. */
const ttl = '10s';

/** Two levels: this process' memory and, with Redis, one for all instances; one load for many who ask at once. */
export function createPaymentCache(metrics: Metrics, redis: Redis | undefined) {
  const closing = new AbortController();
  const memory = bentostore().useL1Layer(memoryDriver({ maxItems: 10_000 }));
  const store = redis
    ? memory
        .useL2Layer(redisDriver({ connection: redis, prefix: 'payment-service' }))
        .useBus(survivingRedis(redisBusDriver({ connection: redis }), closing.signal))
    : memory;
  const bento = new BentoCache({
    default: 'payments',
    ttl,
    // After a failure Redis is left alone for a while, and memory answers.
    l2CircuitBreakerDuration: '5s',
    stores: { payments: store },
  });
  const stopCounting = instrumentCache(metrics, bento, { name: 'payments' });

  const cache: PaymentCache = {
    async read(id, load) {
      let loaded: Payment | undefined;
      const kept = await bento.getOrSet({
        key: id,
        factory: async ({ skip }) => {
          loaded = await load();
          // A payment under way changes any moment.
          return loaded && loaded.status !== 'pending' ? JSON.stringify(loaded) : skip();
        },
      });
      return kept ? revive(kept) : (loaded ?? load());
    },
    async forget(ids) {
      // Memory forgets at once; Redis and the other instances are told within a moment, or learn it after the ttl.
      const told = bento.deleteMany({ keys: [...ids] }).catch(() => {});
      await Promise.race([told, delay(250, undefined, { ref: false })]);
    },
    async warm(payments) {
      for (const payment of payments) {
        if (payment.status !== 'pending')
          await bento.set({ key: payment.id, value: JSON.stringify(payment) });
      }
    },
  };

  return {
    cache,
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
  repository: PaymentRepository,
  cache: PaymentCache,
  tm: TransactionManager,
): PaymentRepository {
  const forget = (...ids: string[]) => tm.afterCommit(() => cache.forget(ids));
  return {
    ...repository,
    async save(payment) {
      await repository.save(payment);
      forget(payment.id);
    },
    async finishRefund(id, amount, now) {
      await repository.finishRefund(id, amount, now);
      forget(id);
    },
    async claimForSettlement(ids, settlementId, now) {
      const claimed = await repository.claimForSettlement(ids, settlementId, now);
      forget(...claimed.map(({ id }) => id));
      return claimed;
    },
  };
}

const revive = (text: string): Payment => {
  const payment = JSON.parse(text) as Payment;
  return { ...payment, createdAt: new Date(payment.createdAt), updatedAt: new Date(payment.updatedAt) };
};
