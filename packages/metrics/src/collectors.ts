/** Runs what others wrote: each on its own, never twice at once, never longer than allowed. */
export interface Guard {
  attempt<T>(key: object, fn: () => T | Promise<T>, timeoutMs: number): Promise<Attempt<T>>;
}

export type Attempt<T> = { ok: true; value: T } | { ok: false; error: unknown };

export function createGuard(): Guard {
  const pending = new WeakMap<object, Set<(result: Attempt<never>) => void>>();

  // Those who wait are kept in a set: on a promise that never settles every scrape would leave a reaction for good.
  const start = <T>(key: object, fn: () => T | Promise<T>) => {
    const waiting = new Set<(result: Attempt<T>) => void>();
    pending.set(key, waiting);
    const settle = (result: Attempt<T>) => {
      pending.delete(key);
      for (const resolve of waiting) resolve(result);
    };
    (async () => fn())().then(
      (value) => settle({ ok: true, value }),
      (error: unknown) => settle({ ok: false, error }),
    );
    return waiting;
  };

  return {
    attempt<T>(key: object, fn: () => T | Promise<T>, timeoutMs: number): Promise<Attempt<T>> {
      // One that still hangs from an earlier scrape is waited for, not started again.
      const waiting = (pending.get(key) as ReturnType<typeof start<T>> | undefined) ?? start(key, fn);
      return new Promise((resolve) => {
        const settle = (result: Attempt<T>) => {
          clearTimeout(timer);
          waiting.delete(settle);
          resolve(result);
        };
        const late = () => settle({ ok: false, error: new Error(`no answer within ${timeoutMs} ms`) });
        const timer = setTimeout(late, timeoutMs).unref();
        waiting.add(settle);
      });
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
