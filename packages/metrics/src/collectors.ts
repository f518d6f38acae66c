/** Runs what others wrote: each on its own, never twice at once, never longer than allowed. */
export interface Guard {
  attempt<T>(key: object, fn: () => T | Promise<T>, timeoutMs: number): Promise<Attempt<T>>;
}

export type Attempt<T> = { ok: true; value: T } | { ok: false; error: unknown };

export function createGuard(): Guard {
  const pending = new WeakMap<object, Promise<unknown>>();

  const start = <T>(key: object, fn: () => T | Promise<T>): Promise<T> => {
    const started = (async () => fn())().finally(() => pending.delete(key));
    pending.set(key, started);
    return started;
  };

  return {
    async attempt<T>(key: object, fn: () => T | Promise<T>, timeoutMs: number): Promise<Attempt<T>> {
      // One that still hangs from an earlier scrape is waited for, not started again.
      const running = (pending.get(key) as Promise<T> | undefined) ?? start(key, fn);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<Attempt<T>>((resolve) => {
        timer = setTimeout(
          () => resolve({ ok: false, error: new Error(`no answer within ${timeoutMs} ms`) }),
          timeoutMs,
        );
        timer.unref();
      });
      const settled = running.then(
        (value): Attempt<T> => ({ ok: true, value }),
        (error: unknown): Attempt<T> => ({ ok: false, error }),
      );
      const result = await Promise.race([settled, late]);
      clearTimeout(timer);
      return result;
    },
  };
}

/** Functions that bring values up to date before a scrape. */
export interface Collectors {
  /** @param name What `kit_metrics_collect_failures_total` calls it. */
  add(name: string, fn: () => unknown): () => void;
  /** The names of those that failed or did not answer in time. */
  run(timeoutMs: number): Promise<ReadonlyMap<string, unknown>>;
}

export function createCollectors(guard: Guard): Collectors {
  const all = new Set<{ name: string; fn: () => unknown }>();
  return {
    add(name, fn) {
      const entry = { name, fn };
      all.add(entry);
      return () => void all.delete(entry);
    },
    async run(timeoutMs) {
      const failed = new Map<string, unknown>();
      await Promise.all(
        [...all].map(async (entry) => {
          const result = await guard.attempt(entry, entry.fn, timeoutMs);
          if (!result.ok) failed.set(entry.name, result.error);
        }),
      );
      return failed;
    },
  };
}
