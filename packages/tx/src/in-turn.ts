import { currentFrame } from './context.js';
import type { Core } from './core.js';
import { testState } from './test-state.js';

/** Whether a statement that is sent now would commit by itself. */
export function isAlone({ client }: Core): boolean {
  return currentFrame(client) === undefined && testState(client).physical === undefined;
}

/** Sends a statement that commits by itself when it is its turn: SQLite has one writer. */
export async function inTurn<T>(core: Core, send: () => PromiseLike<T>, attempts: number): Promise<T> {
  const leave = await core.admission.enter(1, core.maxDepth);
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await send();
      } catch (error) {
        // It has waited for the writer of another process already.
        if (attempt === attempts || !core.engine.isRetryable(error)) throw error;
      }
    }
  } finally {
    leave();
  }
}
