import type { TransactionManager } from './manager.js';

const relays = new WeakMap<TransactionManager, Set<() => void>>();

/**
 * Has this process's relays look at once.
 *
 * @internal
 */
export function wakeRelays(tm: TransactionManager): void {
  for (const wake of relays.get(tm) ?? []) wake();
}

/** @internal */
export function onWake(tm: TransactionManager, wake: () => void): () => void {
  const listeners = relays.get(tm) ?? new Set();
  relays.set(tm, listeners.add(wake));
  return () => void listeners.delete(wake);
}
