import type { Breaker } from '../src/index.js';

export const defer = <T = unknown>() => Promise.withResolvers<T>();

export async function fail(
  breaker: Breaker,
  times = 1,
  reason: unknown = new Error('failed'),
): Promise<void> {
  for (let i = 0; i < times; i++) await breaker.run(() => Promise.reject(reason)).catch(() => {});
}

export async function succeed(breaker: Breaker, times = 1): Promise<void> {
  for (let i = 0; i < times; i++) await breaker.run(() => Promise.resolve('ok'));
}

/** Opens a breaker that has the default thresholds. */
export const openBreaker = (breaker: Breaker) => fail(breaker, 5);

/** A call that settles when the test says so. */
export function pending(breaker: Breaker) {
  const { promise, resolve, reject } = defer();
  const settled = breaker.run(() => promise).catch((error: unknown) => error);
  return {
    settled,
    resolve: async (value: unknown = 'ok') => {
      resolve(value);
      return settled;
    },
    reject: async (reason: unknown = new Error('failed')) => {
      reject(reason);
      return settled;
    },
  };
}
