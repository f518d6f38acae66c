import type { SeeUser } from './active-users.js';
import type { Instruments } from './instrument-maker.js';
import { show } from './labels.js';

/** Business operations and who uses them. */
export interface Business {
  /**
   * Runs `fn` and counts it in `business_operations_total{operation,status}`, `success` when it resolved and
   * `failure` when it threw, and its duration in seconds. The result and the error are `fn`'s own.
   * @example
   * import client from 'prom-client';
   * import { createMetrics } from '@kit/metrics';
   * const metrics = createMetrics({ client });
   * const receipt = await metrics.business.track('payment', async () => 'paid');
   */
  track<T>(operation: string, fn: () => T | PromiseLike<T>): Promise<T>;
  /** Counts a user as active for five minutes in `business_active_users`. */
  seen(userId: string): void;
}

export function createBusiness(instruments: Instruments, seeUser: SeeUser): Business {
  const labels = ['operation', 'status'] as const;
  const operations = instruments.counter('business_operations_total', {
    help: 'Business operations by outcome.',
    labels,
  });
  const duration = instruments.histogram('business_operation_duration_seconds', {
    help: 'Duration of business operations in seconds.',
    labels,
  });
  const settled = (operation: string, status: 'success' | 'failure', startedAt: number) => {
    try {
      operations.child(operation, status).inc();
      duration.child(operation, status).observe((performance.now() - startedAt) / 1_000);
    } catch {
      // An operation that is no string: its result matters more than our count.
    }
  };
  return {
    async track(operation, fn) {
      if (typeof fn !== 'function') throw new TypeError(`fn must be a function, got ${show(fn)}`);
      const startedAt = performance.now();
      let result;
      try {
        result = await fn();
      } catch (error) {
        settled(operation, 'failure', startedAt);
        throw error;
      }
      settled(operation, 'success', startedAt);
      return result;
    },
    seen(userId) {
      if (typeof userId === 'string' && userId !== '') seeUser(userId);
    },
  };
}
