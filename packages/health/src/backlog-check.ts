import type { Check } from './check.js';
import { requireMethod, requireNumber, requireText } from './rules.js';

/** Anything that can say how much it has yet to do; `@kit/tx`'s sagas and outbox fit. */
export interface BacklogLike {
  readonly name?: string;
  backlog(): Promise<number> | number;
}

/** Options of `sagaCheck` and `outboxCheck`. */
export interface BacklogCheckOptions {
  /** @default the name of what is checked, else 'saga' or 'outbox' */
  name?: string;
  /** Entries above which the check is degraded, >= 0. @default 1000 */
  maxBacklog?: number;
}

/**
 * Degraded while more sagas than `maxBacklog` wait to go on.
 *
 * @example
 * ```ts
 * import { createHealth, sagaCheck } from '@kit/health';
 *
 * createHealth().add(sagaCheck({ name: 'payments', backlog: async () => 3 }), { critical: false });
 * ```
 */
export function sagaCheck(sagas: BacklogLike, options: BacklogCheckOptions = {}): Check {
  return backlogCheck(sagas, 'saga', options);
}

/**
 * Degraded while more messages than `maxBacklog` wait to be published.
 *
 * @example
 * ```ts
 * import { createHealth, outboxCheck } from '@kit/health';
 *
 * createHealth().add(outboxCheck({ name: 'outbox', backlog: async () => 3 }), { critical: false });
 * ```
 */
export function outboxCheck(outbox: BacklogLike, options: BacklogCheckOptions = {}): Check {
  return backlogCheck(outbox, 'outbox', options);
}

function backlogCheck(source: BacklogLike, fallbackName: string, options: BacklogCheckOptions): Check {
  requireMethod(fallbackName, source, 'backlog');
  const maxBacklog = requireNumber('maxBacklog', options.maxBacklog ?? 1_000, { min: 0 });
  return {
    name: requireText('name', options.name ?? source.name ?? fallbackName),
    async check() {
      const backlog: unknown = await source.backlog();
      if (typeof backlog !== 'number' || !(backlog >= 0))
        return { status: 'unhealthy', message: 'the backlog is not a number' };
      const metadata = { backlog };
      return backlog > maxBacklog
        ? { status: 'degraded', message: `${backlog} entries wait, more than ${maxBacklog}`, metadata }
        : { status: 'healthy', metadata };
    },
  };
}
