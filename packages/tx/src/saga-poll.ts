import { createRounds } from './rounds.js';
import type { RunnerSettings } from './saga-options.js';
import type { SagaRow, SagaStore } from './saga-store.js';

/** @internal */
export interface SagaPoll {
  /** A saga has been started here: somebody should look after it when its lease ends. */
  watch(id: string): void;
  /** A saga waits and is due in so many milliseconds. */
  expect(id: string, delayMs: number): void;
  close(): Promise<void>;
}

/**
 * Finds sagas that are due, by polling or by messages, claims them and has them driven.
 *
 * @internal
 */
export function createSagaPoll(
  store: SagaStore,
  settings: RunnerSettings,
  drive: (row: SagaRow) => Promise<void>,
): SagaPoll {
  const { sagas, concurrency, pollMs, leaseMs, dispatch, onError } = settings;
  const driven = new Set<Promise<void>>();
  let closed = false;

  const follow = (row: SagaRow): Promise<void> => {
    const driving = drive(row).catch(onError);
    driven.add(driving);
    return driving.finally(() => driven.delete(driving));
  };

  if (dispatch) return dispatched(dispatch);
  const rounds = createRounds(pollMs, async () => {
    try {
      const free = concurrency - driven.size;
      const ids = free > 0 ? await store.findDue(sagas, free) : [];
      if (ids.length === 0 || closed) return false;
      for (const row of await store.claim(sagas, ids)) {
        // A place is free again: there may be more to do than one round could take.
        void follow(row).then(() => rounds.wakeIn(0));
      }
    } catch (error) {
      onError(error);
    }
    return false;
  });
  return {
    watch() {},
    expect: (_id, delayMs) => rounds.wakeIn(delayMs),
    async close() {
      closed = true;
      await rounds.close();
      await Promise.allSettled(driven);
    },
  };

  function dispatched(messages: NonNullable<RunnerSettings['dispatch']>): SagaPoll {
    const schedule = (id: string, delayMs: number) => void messages.schedule(id, delayMs).catch(onError);
    messages.start({
      sweep: () => store.findDue(sagas, 1_000),
      async resume(id) {
        const [row] = closed ? [] : await store.claim(sagas, [id]);
        if (row) return follow(row);
        const found = await store.find(id);
        // Somebody works on it: look again when his lease ends. Whoever parked it has sent a message of its own, and
        // with two of them every park would add one.
        if (found?.dueInMs !== undefined && found.owner !== undefined) {
          schedule(id, Math.max(found.dueInMs, 10));
        }
        return undefined;
      },
    });
    return {
      // Should this process die, the message brings another one to the saga.
      watch: (id) => schedule(id, leaseMs),
      expect: schedule,
      async close() {
        closed = true;
        await messages.close();
        await Promise.allSettled(driven);
      },
    };
  }
}
