import { runWithDeadline } from '@kit/breaker';
import { AsyncLocalStorage } from 'node:async_hooks';

export interface RequestDeadline {
  /** The use case, with its clock started at each call. */
  over<Args extends unknown[], Outcome>(
    useCase: (...args: Args) => Promise<Outcome>,
  ): (...args: Args) => Promise<Outcome>;
  /** A call to a partner with what is left of the time; without a request waiting there is no limit. */
  within<T>(call: () => Promise<T>): Promise<T>;
}

/**
 * How long a caller waits for one request. Partners are told what is left of it, so that nobody works for an answer that
 * comes too late.
 *
 * It holds for what moves forward. Finding out what a partner did and undoing it must get through afterwards, and a saga
 * that goes on by itself has nobody waiting, though its timers may come from the request that left it behind.
 */
export function createRequestDeadline(ms: number): RequestDeadline {
  const requests = new AsyncLocalStorage<{ endsAt: number; hasEnded: boolean }>();
  return {
    over:
      (useCase) =>
      async (...args) => {
        const request = { endsAt: performance.now() + ms, hasEnded: false };
        try {
          return await requests.run(request, () => useCase(...args));
        } finally {
          request.hasEnded = true;
        }
      },
    within(call) {
      const request = requests.getStore();
      if (!request || request.hasEnded) return call();
      return runWithDeadline(Math.max(0, request.endsAt - performance.now()), call);
    },
  };
}
