import { sharedState } from './context.js';
import type { Engine } from './engine.js';
import type { Connection, KnexClient } from './knex-port.js';

/** Whether a connection is for reads that the server guards, or for anything. */
export type SessionMode = 'read' | 'write';

interface Sessions {
  acquire(): Promise<Connection>;
  guarded: WeakSet<Connection>;
  /** What to put back when a connection goes to code that uses the pool without the manager. */
  borrowed: WeakMap<Connection, () => void>;
}

/** A connection in the wanted mode; switching costs one round trip, staying in a mode costs none. */
export async function leaseConnection(
  client: KnexClient,
  engine: Engine,
  mode: SessionMode,
): Promise<Connection> {
  const sessions = sessionsOf(client, engine);
  const connection = await sessions.acquire();
  if (engine.borrow !== undefined && !sessions.borrowed.has(connection))
    sessions.borrowed.set(connection, engine.borrow(connection));
  if ((mode === 'read') === sessions.guarded.has(connection)) return connection;
  await switchMode(client, engine, sessions, connection, mode === 'read');
  return connection;
}

export function returnConnection(client: KnexClient, connection: Connection): void {
  delete connection.__knexTxId;
  // A pool that is being destroyed may refuse; the connection goes with it.
  if (client.pool !== undefined) void client.releaseConnection(connection);
}

/** Takes the connection out of service: the pool drops it instead of handing it out. */
export function destroyConnection(
  client: KnexClient,
  engine: Engine,
  connection: Connection,
  why: unknown,
): void {
  connection.__knex__disposed ??= why;
  try {
    engine.destroy(connection);
  } finally {
    returnConnection(client, connection);
  }
}

/**
 * Code that uses the pool without the manager must get neither a guarded nor a borrowed connection, so the client's own
 * `acquireConnection` puts back what was changed. Until then it stays: a manager's next lease finds it as it needs it.
 */
function sessionsOf(client: KnexClient, engine: Engine): Sessions {
  let sessions = known.get(client);
  if (sessions === undefined) known.set(client, (sessions = watchSessions(client, engine)));
  return sessions;
}

/** Spares the look into what the copies of the package share. */
const known = new WeakMap<KnexClient, Sessions>();

function watchSessions(client: KnexClient, engine: Engine): Sessions {
  return sharedState(client, 'sessions', () => {
    const acquire = client.acquireConnection.bind(client);
    const sessions: Sessions = { acquire, guarded: new WeakSet(), borrowed: new WeakMap() };
    client.acquireConnection = async () => {
      const connection = await acquire();
      sessions.borrowed.get(connection)?.();
      sessions.borrowed.delete(connection);
      if (sessions.guarded.has(connection)) await switchMode(client, engine, sessions, connection, false);
      return connection;
    };
    return sessions;
  });
}

async function switchMode(
  client: KnexClient,
  engine: Engine,
  sessions: Sessions,
  connection: Connection,
  guarded: boolean,
): Promise<void> {
  try {
    await engine.guardReads(client, connection, guarded);
  } catch (error) {
    destroyConnection(client, engine, connection, error);
    throw error;
  }
  if (guarded) sessions.guarded.add(connection);
  else sessions.guarded.delete(connection);
}
