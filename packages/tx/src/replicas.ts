import { setTimeout as delay } from 'node:timers/promises';
import { currentContext, sharedState } from './context.js';
import type { Engine } from './engine.js';
import type { KnexClient } from './knex-port.js';
import { leaseConnection, returnConnection } from './lease.js';
import { createPositions, unknownPosition } from './positions.js';

/** Chooses the server of a read. */
export interface ReplicaRouter {
  readonly hasReplicas: boolean;
  /** A replica that has replayed what this flow wrote, else the primary. */
  pick(): Promise<KnexClient>;
  /** A replica did not answer: reads go elsewhere until it has had time to come back. */
  markDown(replica: KnexClient): void;
  markUp(replica: KnexClient): void;
  /** How far the flow has written; without a position its reads stay on the primary. */
  noteWrite(position: string | undefined): void;
}

interface Replica {
  readonly client: KnexClient;
  replayed: string | undefined;
  downUntil: number;
  failures: number;
}

const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/** A replica that takes longer to say how far it is is no help. */
const askLimitMs = 1_000;

export function createReplicaRouter(
  primary: KnexClient,
  engine: Engine,
  clients: readonly KnexClient[],
  now: () => number = Date.now,
): ReplicaRouter {
  const replicas: Replica[] = clients.map((client) => ({
    client,
    replayed: undefined,
    downUntil: 0,
    failures: 0,
  }));
  // Flows outside a request share one position: reading from the primary too often is only slower.
  const processWide = sharedState(primary, 'positions', createPositions);
  let turn = 0;

  const positionOfFlow = (): string | undefined => (currentContext().positions ?? processWide).get(primary);
  const replicaOf = (client: KnexClient) => replicas.find((replica) => replica.client === client);

  async function hasReplayed(replica: Replica, position: string): Promise<boolean> {
    if (engine.replaySharesFile?.(primary, replica.client) === true) return true;
    if (position === unknownPosition || engine.replayed === undefined) return false;
    if (replica.replayed !== undefined && engine.replayed.includes(replica.replayed, position)) return true;
    try {
      replica.replayed = await withinLimit(askReplica(replica.client, position));
    } catch {
      markDown(replica.client);
      return false;
    }
    return replica.replayed !== undefined && engine.replayed.includes(replica.replayed, position);
  }

  async function askReplica(client: KnexClient, position: string): Promise<string | undefined> {
    const connection = await leaseConnection(client, engine, 'read');
    try {
      return await engine.replayed?.ask(client, connection, position);
    } finally {
      returnConnection(client, connection);
    }
  }

  /** The answers of two connections may overtake each other. */
  function isPast(noted: string | undefined, position: string): boolean {
    if (noted === undefined || noted === unknownPosition || position === unknownPosition) return false;
    return (
      engine.replayed !== undefined && engine.replayed.measure(noted) > engine.replayed.measure(position)
    );
  }

  function markDown(client: KnexClient): void {
    const replica = replicaOf(client);
    if (replica === undefined) return;
    replica.failures += 1;
    replica.replayed = undefined;
    replica.downUntil = now() + Math.min(firstPauseMs * 2 ** (replica.failures - 1), longestPauseMs);
  }

  return {
    hasReplicas: replicas.length > 0,
    async pick() {
      const position = positionOfFlow();
      for (let tried = 0; tried < replicas.length; tried += 1) {
        turn = (turn + 1) % replicas.length;
        const replica = replicas[turn]!;
        if (replica.downUntil > now()) continue;
        if (position === undefined || (await hasReplayed(replica, position))) return replica.client;
      }
      return primary;
    },
    markDown,
    markUp(client) {
      const replica = replicaOf(client);
      if (replica !== undefined) replica.failures = 0;
    },
    noteWrite(position = unknownPosition) {
      if (replicas.length === 0) return;
      for (const positions of [processWide, currentContext().positions])
        if (positions !== undefined && !isPast(positions.get(primary), position))
          positions.note(primary, position);
    },
  };
}

async function withinLimit<T>(asked: Promise<T>): Promise<T> {
  const limit = new AbortController();
  try {
    return await Promise.race([
      asked,
      delay(askLimitMs, undefined, { ref: false, signal: limit.signal }).then(() => {
        throw new Error(`no answer within ${askLimitMs} ms`);
      }),
    ]);
  } finally {
    limit.abort();
  }
}
