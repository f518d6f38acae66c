import type { KnexClient } from './knex-port.js';

/**
 * How far a flow has written, a database: a position in its log, or `unknown` where the server keeps none. A
 * replica may serve the flow once it has replayed that far.
 */
export interface ReadPositions {
  get(primary: KnexClient): string | undefined;
  note(primary: KnexClient, position: string): void;
}

/** Stands for a position that the server does not tell. */
export const unknownPosition = 'unknown';

export function createPositions(): ReadPositions {
  const positions = new Map<KnexClient, string>();
  return {
    get: (primary) => positions.get(primary),
    note: (primary, position) => void positions.set(primary, position),
  };
}
