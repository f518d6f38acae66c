import { setTimeout as delay } from 'node:timers/promises';
import { currentFrame, heldConnections } from './context.js';
import type { Core } from './core.js';
import { TransactionClosedError } from './errors.js';
import type { Connection, KnexClient, QueryObject } from './knex-port.js';
import { destroyConnection, leaseConnection, returnConnection } from './lease.js';

/** One `tm.read` without a transaction: each statement takes a guarded connection for itself. */
export interface ReadScope {
  acquire(): Promise<Connection>;
  release(connection: Connection): void;
  send(
    connection: Connection,
    run: (client: KnexClient, connection: Connection) => Promise<QueryObject>,
  ): Promise<QueryObject>;
  /** Cancels what runs, after a timeout or abort. */
  interrupt(): Promise<void>;
  readonly inFlight: Set<Promise<unknown>>;
  closed: boolean;
}

interface Lease {
  readonly client: KnexClient;
  leave(): void;
}

const interruptGraceMs = 500;

export function createReadScope(core: Core): ReadScope {
  const leases = new Map<Connection, Lease>();
  const inFlight = new Set<Promise<unknown>>();
  const { engine, router } = core;

  const scope: ReadScope = {
    inFlight,
    closed: false,
    async acquire() {
      assertUsable(scope, core);
      const client = await router.pick();
      try {
        return await leaseFor(client);
      } catch (error) {
        if (client === core.client || error instanceof TransactionClosedError) throw error;
        router.markDown(client);
        return leaseFor(core.client);
      }
    },
    release(connection) {
      const lease = leases.get(connection);
      leases.delete(connection);
      if (lease === undefined) return;
      returnConnection(lease.client, connection);
      lease.leave();
    },
    async send(connection, run) {
      assertUsable(scope, core);
      const sent = sendOrFallBack(connection, run);
      inFlight.add(sent);
      try {
        return await sent;
      } finally {
        inFlight.delete(sent);
      }
    },
    async interrupt() {
      const running = [...leases];
      const ended = Promise.allSettled(inFlight);
      if (inFlight.size === 0) return;
      if (engine.canCancel)
        await Promise.race([
          Promise.allSettled(running.map(([connection, { client }]) => client.cancelQuery(connection))),
          delay(interruptGraceMs, undefined, { ref: false }),
        ]);
      const done = await Promise.race([
        ended.then(() => true),
        delay(interruptGraceMs, false, { ref: false }),
      ]);
      if (done) return;
      for (const [connection, lease] of running) {
        leases.delete(connection);
        destroyConnection(lease.client, engine, connection, new Error('a cancelled read did not end'));
        lease.leave();
      }
    },
  };

  async function leaseFor(client: KnexClient): Promise<Connection> {
    const leave = await placeFor(core, client);
    try {
      const connection = await leaseConnection(client, engine, 'read');
      leases.set(connection, { client, leave });
      await core.guard?.checkConnection(client, connection).catch((error) => {
        scope.release(connection);
        throw error;
      });
      return connection;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** A read may be repeated: what a replica could not answer the primary does. */
  async function sendOrFallBack(
    connection: Connection,
    run: (client: KnexClient, connection: Connection) => Promise<QueryObject>,
  ): Promise<QueryObject> {
    const client = leases.get(connection)?.client ?? core.client;
    try {
      const done = await run(client, connection);
      router.markUp(client);
      return done;
    } catch (error) {
      const conflict = engine.isRetryable(error);
      if (client === core.client || scope.closed || !(conflict || engine.isConnectionLost(error)))
        throw error;
      if (!conflict) router.markDown(client);
      const second = await leaseFor(core.client);
      try {
        return await run(core.client, second);
      } finally {
        scope.release(second);
      }
    }
  }

  return scope;
}

/** A flow that holds a suspended transaction asks for one connection more, like any deeper scope. */
export async function placeFor(core: Core, client: KnexClient): Promise<() => void> {
  if (client !== core.client) return () => {};
  const held = heldConnections(client);
  return held === 0 ? () => {} : core.admission.enter(held + 1, core.maxDepth);
}

function assertUsable(scope: ReadScope, core: Core): void {
  if (!scope.closed) return;
  const frame = currentFrame(core.client);
  throw new TransactionClosedError(
    `Read scope of "${core.name}" has ended${frame === undefined ? ' outside its function' : ''}; await every statement inside the function given to tm.read`,
  );
}
