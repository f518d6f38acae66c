import { PropagationError } from './errors.js';
import { afterCommitError, runHooks } from './hooks.js';
import { coreOf, type TransactionManager } from './manager.js';
import { rollbackPhysical } from './physical.js';
import { beginOn } from './run.js';
import type { Hook } from './scope.js';
import { testState } from './test-state.js';

/** A test's own transaction around everything its manager does. */
export interface TestTransaction {
  /** Runs the hooks of what was "committed" since; a failing one rejects like it would after a commit. */
  drainHooks(): Promise<void>;
  /** Undoes everything, hooks that were not drained included. */
  rollback(): Promise<void>;
}

/**
 * Turns every transaction of the manager into a savepoint of one that is rolled back in the end. Manager-wide: for
 * tests that run one after another.
 *
 * @throws KIT_TX_PROPAGATION when a test transaction is open already.
 * @example
 * const test = await createTestTransaction(tm);
 * await tm.run(async () => {
 *   tm.afterCommit(() => console.log('after drainHooks'));
 * });
 * await test.drainHooks();
 * await test.rollback();
 */
export async function createTestTransaction(tm: TransactionManager): Promise<TestTransaction> {
  const core = coreOf(tm);
  core.assertOpen();
  const state = testState(core.client);
  const busy = () =>
    new PropagationError(`A test transaction of "${core.name}" is open already; roll it back first`);
  if (state.physical !== undefined) throw busy();
  const leave = await core.admission.enter(1, core.maxDepth);
  const physical = await beginOn(core, core.client, {}).catch((error: unknown) => {
    leave();
    throw error;
  });
  if (state.physical !== undefined) {
    await rollbackPhysical(physical);
    leave();
    throw busy();
  }
  state.physical = physical;
  return {
    async drainHooks() {
      const failures: { readonly error: unknown }[] = [];
      // A hook may run transactions, which leave hooks.
      while (physical.root.hooks.length > 0) {
        const hooks: Hook[] = physical.root.hooks;
        physical.root.hooks = [];
        failures.push(...(await runHooks(hooks, 'commit')));
      }
      if (failures.length > 0) throw afterCommitError(core.name, failures, undefined);
    },
    async rollback() {
      if (state.physical !== physical) return;
      state.physical = undefined;
      await rollbackPhysical(physical);
      leave();
    },
  };
}
