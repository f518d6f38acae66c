import { setTimeout as delay } from 'node:timers/promises';
import type { Engine } from './engine.js';

/** As long as better-sqlite3 would block the event loop by default. */
const patienceMs = 5_000;
const longestPauseMs = 50;

/**
 * SQLite's lock may be held by another connection of this very process: waiting inside SQLite (`busy_timeout`) would
 * stop the event loop that has to release it, so the statement is asked again from here.
 */
export async function whileBusy<T>(
  engine: Engine,
  attempt: () => Promise<T>,
  limitMs = patienceMs,
): Promise<T> {
  if (engine.kind !== 'sqlite') return attempt();
  const deadline = Date.now() + Math.min(limitMs, patienceMs);
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await attempt();
    } catch (error) {
      // A stale snapshot stays stale.
      const { code } = error as { code?: string };
      if (!engine.isRetryable(error) || code === 'SQLITE_BUSY_SNAPSHOT' || Date.now() > deadline) throw error;
      await delay(pauseMs * Math.random());
    }
  }
}
