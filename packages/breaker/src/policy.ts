import type { IDefaultPolicyContext, IPolicy } from 'cockatiel';
import { monotonic } from './clock.js';
import { PolicyEvents } from './policy-events.js';
import { type RunContext, neverAborts } from './run-context.js';

interface Runner {
  run(options: { signal: AbortSignal | undefined }, fn: (context: RunContext) => unknown): Promise<unknown>;
}

/** Makes anything with `run` a cockatiel policy, so that it can stand in a user's `wrap`. */
export function asPolicy<P extends IPolicy<IDefaultPolicyContext, unknown>>(
  runner: Omit<P, keyof IPolicy> & Runner,
): P {
  const events = new PolicyEvents();
  const policy = {
    onSuccess: events.onSuccess,
    onFailure: events.onFailure,
    async execute<T>(fn: (context: IDefaultPolicyContext) => PromiseLike<T> | T, signal?: AbortSignal) {
      // cockatiel's wrap spreads the context, which loses a getter of a prototype.
      const plain = (context: RunContext & { attempt?: number }) =>
        fn(
          context.attempt === undefined
            ? { signal: context.signal ?? neverAborts }
            : ({ signal: context.signal, attempt: context.attempt } as IDefaultPolicyContext),
        );
      const startedAt = events.heard ? monotonic() : 0;
      try {
        const value = (await runner.run({ signal }, plain)) as T;
        if (events.heard) events.succeeded(monotonic() - startedAt);
        return value;
      } catch (error) {
        if (events.heard) events.failed(monotonic() - startedAt, { error });
        throw error;
      }
    },
  };
  // Defined, not spread: the runner's getters stay getters.
  return Object.defineProperties(runner, Object.getOwnPropertyDescriptors(policy)) as unknown as P;
}
