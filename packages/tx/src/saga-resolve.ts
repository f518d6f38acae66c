import { show } from './options.js';
import { publishSagaSettled } from './saga-channels.js';
import { isSettled } from './saga-drive.js';
import type { SagaChange, SagaRow, SagaStore } from './saga-store.js';

/** What an operator decides about a saga. */
export interface SagaResolution {
  /** `retry`: try again at once. `compensated`, `completed`: it was settled by hand. */
  as: 'retry' | 'compensated' | 'completed';
  /** Kept with the saga. */
  note?: string | undefined;
}

/** @internal */
export async function resolveSaga(store: SagaStore, id: string, { as, note }: SagaResolution): Promise<void> {
  if (as !== 'retry' && as !== 'compensated' && as !== 'completed') {
    throw new RangeError(`as must be 'retry', 'compensated' or 'completed', got ${show(as)}`);
  }
  if (note !== undefined && typeof note !== 'string')
    throw new TypeError(`note must be a string, got ${show(note)}`);
  for (;;) {
    const saga = await store.find(id);
    if (!saga) throw new RangeError(`id must be the id of a saga, got ${show(id)}`);
    if (isSettled(saga.status) && saga.status !== 'stuck') {
      throw new RangeError(`id must be the id of an open or stuck saga, ${id} is ${saga.status}`);
    }
    // Its instance is at work and alive: a second one beside it would gain nothing.
    if (as === 'retry' && saga.owner !== undefined && (saga.dueInMs ?? 0) > 0) return;
    const resolution = JSON.stringify({ as, note, at: new Date().toISOString() });
    // The fence rises with it: whoever holds the saga loses it. And if it rose meanwhile, we look again.
    if (await store.resolve(saga, { ...changeFor(saga, as), resolution })) {
      if (as !== 'retry') {
        publishSagaSettled(() => ({ name: saga.name, outcome: as, durationMs: saga.ageMs }));
      }
      return;
    }
  }
}

function changeFor({ status }: SagaRow, as: SagaResolution['as']): SagaChange {
  if (as !== 'retry') return { status: as, dueInMs: null };
  // Only an undo gets stuck: that is where it goes on.
  return { status: status === 'stuck' ? 'compensating' : status, dueInMs: 0, retries: 0 };
}
