import { sharedState } from './context.js';
import { coreOf, type TransactionManager } from './manager.js';

/**
 * Has this process's relays on the same database look at once.
 *
 * @internal
 */
export function wakeRelays(tm: TransactionManager): void {
  for (const wake of wakersOf(tm)) wake();
}

/** @internal */
export function onWake(tm: TransactionManager, wake: () => void): () => void {
  const wakers = wakersOf(tm).add(wake);
  return () => void wakers.delete(wake);
}

/** One set a database: the relay may belong to another manager on it, or to another copy of the package. */
function wakersOf(tm: TransactionManager): Set<() => void> {
  return sharedState(coreOf(tm).client, 'relays', () => new Set<() => void>());
}
