/** Calls that never end must not pile up; the oldest is forgotten. */
const MAX_PENDING = 10_000;

/** When calls began, by their id. */
export interface Pending {
  start(id: string | undefined): void;
  /** Milliseconds since `start`, once. */
  end(id: string | undefined): number | undefined;
  readonly size: number;
}

export function createPending(maxPending = MAX_PENDING): Pending {
  const started = new Map<string, number>();
  return {
    get size() {
      return started.size;
    },
    start(id) {
      if (id === undefined) return;
      if (started.size >= maxPending) started.delete(started.keys().next().value!);
      started.set(id, performance.now());
    },
    end(id) {
      const at = id === undefined ? undefined : started.get(id);
      if (at === undefined) return undefined;
      started.delete(id!);
      return performance.now() - at;
    },
  };
}
