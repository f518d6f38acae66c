/** Ids remembered a saga name; beyond it the count stands still. */
const MAX_IDS = 10_000;

/** How many sagas of a name wait for an operator. */
export interface StuckSagas {
  add(name: string, id: string): void;
  /** A saga ended; if it was stuck, it is no longer. */
  settled(name: string, outcome: string, id: string | undefined): void;
}

export function createStuckSagas(onCount: (name: string, count: number) => void): StuckSagas {
  const byName = new Map<string, Set<string>>();
  const idsOf = (name: string) => {
    const ids = byName.get(name) ?? new Set<string>();
    byName.set(name, ids);
    return ids;
  };
  return {
    add(name, id) {
      const ids = idsOf(name);
      if (ids.size < MAX_IDS) ids.add(id);
      onCount(name, ids.size);
    },
    settled(name, outcome, id) {
      const ids = idsOf(name);
      if (outcome !== 'stuck' && id !== undefined) ids.delete(id);
      // Also publishes the 0 that an alert needs to know "none" from "no data".
      onCount(name, ids.size);
    },
  };
}
