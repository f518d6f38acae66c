import { finished, type Readable } from 'node:stream';
import { whileBusy } from './busy.js';
import { currentFrame, type Frame } from './context.js';
import type { Core } from './core.js';
import { TransactionHijackedError } from './errors.js';
import { inFlightOf, type InFlight } from './in-flight.js';
import { execute, type Connection, type KnexClient, type QueryObject } from './knex-port.js';
import { destroyConnection, leaseConnection, returnConnection } from './lease.js';
import { acquireForRead, placeFor, releaseAfterRead, sendRead } from './read-scope.js';
import { closedScopeError, createScope, type ReadScope, type Scope } from './scope.js';
import { refuseEnders, sendStatement } from './statements.js';
import { testState } from './test-state.js';

/** knex's client, of which each statement asks anew where it belongs. */
export interface AmbientClient extends KnexClient {
  /** The scope in which its builders were made. */
  boundFrame?: Frame;
}

/** How a connection goes back: to the read scope that leased it, or by a call. */
type Lease = ReadScope | ((cut?: Error) => void);

const streamLeft = 'a stream was left before its last row';

export function createAmbientClient(core: Core): KnexClient {
  const { client: primary, engine } = core;
  const leases = new Map<Connection, Lease>();
  /** Where the rows of a connection's stream come from. */
  const sources = new WeakMap<Connection, Readable>();

  const overrides: Partial<AmbientClient> & ThisType<AmbientClient> = {
    async acquireConnection() {
      core.guard?.checkEntry(core.name);
      const place = placeOf(core, this.boundFrame);
      // What began before `close` may end.
      if (place === undefined) core.assertOpen();
      if (place?.kind === 'tx') {
        if (place.scope.closed) throw closedScopeError(place.scope);
        return place.scope.physical.connection;
      }
      if (place?.kind === 'read') {
        const connection = await inFlightOf(place.read, acquireForRead(core, place.read));
        leases.set(connection, place.read);
        return connection;
      }
      return acquireFromPool();
    },

    releaseConnection(connection) {
      const lease = leases.get(connection);
      leases.delete(connection);
      const cut = engine.drainsStreams && isLeft(sources.get(connection)) ? new Error(streamLeft) : undefined;
      sources.delete(connection);
      if (typeof lease === 'function') lease(cut);
      else if (lease !== undefined) releaseAfterRead(core, lease, connection, cut);
      return Promise.resolve();
    },

    async query(connection, statement) {
      const query = typeof statement === 'string' ? { sql: statement } : statement;
      const place = placeOf(core, this.boundFrame);
      if (place?.kind === 'tx' && place.scope.physical.connection === connection) {
        const { client } = place.scope.physical;
        const send = () => client.query(connection, query);
        return sendStatement(
          place.scope,
          query,
          place.scope.loose ? () => apart(core, connection, send) : send,
        );
      }
      refuseEnders({ engine }, query, false);
      if (place?.kind === 'read') {
        const { sql } = query;
        const send = (client: KnexClient, actual: Connection) => {
          // knex has put its own placeholders in where this is the second server.
          query.sql = sql;
          return client.query(actual, query);
        };
        return sendRead(core, place.read, connection, send, true);
      }
      const { sql } = query;
      const done = await whileBusy(engine, () => {
        query.sql = sql;
        return primary.query(connection, query);
      });
      await noteAutocommit(connection, query);
      return done;
    },

    async stream(connection, query, stream, options) {
      const place = placeOf(core, this.boundFrame);
      const rows = stream as Readable;
      rows.once('pipe', (source: Readable) => sources.set(connection, source));
      let flows = false;
      const flow = (client: KnexClient) => {
        flows = true;
        return untilEnded(connection, rows, client.stream(connection, query, rows, options)).then(
          () => query,
        );
      };
      try {
        if (place?.kind === 'tx' && place.scope.physical.connection === connection) {
          const { scope } = place;
          return await whileOpen(scope, rows, () =>
            sendStatement(scope, query, () => flow(scope.physical.client)),
          );
        }
        refuseEnders({ engine }, query, false);
        if (place?.kind !== 'read') return await flow(primary);
        const { read } = place;
        return await whileOpen(read, rows, () => sendRead(core, read, connection, flow, false));
      } catch (error) {
        // knex takes it that a stream which got a connection was told by the driver.
        if (!flows) rows.destroy(error as Error);
        throw error;
      }
    },

    cancelQuery(connection) {
      const lease = leases.get(connection);
      const from = typeof lease === 'object' ? lease.leases.get(connection)?.client : undefined;
      return (from ?? primary).cancelQuery(connection);
    },

    /** knex rebuilds SQLite tables in a transaction of its own, on the connection it already has. */
    transaction(container, config, outer) {
      if (config?.connection === undefined)
        throw new TransactionHijackedError('Transactions are begun by tm.run, not by tm.db');
      const onConnection = Object.create(primary) as KnexClient & { transacting: boolean };
      onConnection.transacting = placeOf(core, this.boundFrame)?.kind === 'tx';
      return onConnection.transaction(container, config, outer);
    },

    destroy() {
      throw new TransactionHijackedError('The pool belongs to whoever made it; tm.db cannot destroy it');
    },
  };
  return Object.assign(Object.create(primary) as KnexClient, overrides);

  async function acquireFromPool(): Promise<Connection> {
    const leave = await placeFor(core);
    try {
      const connection = await leaseConnection(primary, engine, 'write');
      try {
        await core.guard?.checkConnection(primary, connection);
      } catch (error) {
        returnConnection(primary, connection);
        throw error;
      }
      leases.set(connection, (cut) => {
        if (cut === undefined) returnConnection(primary, connection);
        else destroyConnection(primary, engine, connection, cut);
        leave?.();
      });
      return connection;
    } catch (error) {
      leave?.();
      throw error;
    }
  }

  /** A write outside any transaction is a write too: this flow's reads must see it. */
  async function noteAutocommit(connection: Connection, query: QueryObject): Promise<void> {
    if (!core.router.hasReplicas || ['select', 'first', 'pluck'].includes(query.method ?? '')) return;
    core.router.noteWrite(await engine.position?.(primary, connection));
  }
}

/** The scope a statement belongs to: where it is awaited, else where its builder was made. */
function placeOf(core: Core, boundFrame: Frame | undefined): Frame | undefined {
  const frame = currentFrame(core.client) ?? boundFrame;
  const test = testState(core.client).physical;
  if (test === undefined || frame?.kind === 'tx') return frame;
  return {
    client: core.client,
    parent: undefined,
    domain: core.domain,
    kind: 'tx',
    scope: looseScope(test, frame),
  };
}

/** In a test transaction a statement outside all scopes belongs to whatever savepoint is open. */
function looseScope(test: Scope['physical'], frame: Frame | undefined): Scope {
  const readOnly = frame?.kind === 'none' && frame.readOnly === true;
  return createScope(test, test.gate.top as Scope['level'], 'of the test transaction', {
    loose: true,
    readOnly,
  });
}

/** Outside the test it would have been a transaction of its own, whose failure harms nothing else. */
async function apart(
  core: Core,
  connection: Connection,
  send: () => Promise<QueryObject>,
): Promise<QueryObject> {
  if (core.engine.kind !== 'postgres') return send();
  await execute(core.client, connection, 'SAVEPOINT kit_loose');
  try {
    const done = await send();
    await execute(core.client, connection, 'RELEASE SAVEPOINT kit_loose');
    return done;
  } catch (error) {
    await execute(core.client, connection, 'ROLLBACK TO SAVEPOINT kit_loose');
    throw error;
  }
}

/** The scope knows of the stream, and ends it where nobody else does. */
async function whileOpen<T>({ streams }: InFlight, rows: Readable, send: () => Promise<T>): Promise<T> {
  streams.add(rows);
  try {
    return await send();
  } finally {
    streams.delete(rows);
  }
}

/**
 * A stream that is destroyed early never ends for knex; and neither pg-query-stream nor mysql2 ends one whose connection
 * is lost, so that its reader would wait for ever.
 */
async function untilEnded(connection: Connection, rows: Readable, flowing: Promise<unknown>): Promise<void> {
  const lost = Promise.withResolvers<never>();
  const onLost = (error: Error) => {
    // Should the driver tell it after all, nobody listens any more.
    rows.once('close', () => rows.on('error', () => {}));
    rows.destroy(error);
    lost.reject(error);
  };
  connection.once?.('error', onLost);
  try {
    await Promise.race([
      flowing,
      lost.promise,
      new Promise<void>((resolve) => void finished(rows, () => resolve())),
    ]);
  } finally {
    connection.off?.('error', onLost);
  }
}

function isLeft(source: Readable | undefined): boolean {
  return source !== undefined && !source.readableEnded && source.errored === null;
}
