import { setTimeout as delay } from 'node:timers/promises';
import { whileBusy } from './busy.js';
import { heldConnections } from './context.js';
import type { Core } from './core.js';
import { isDomainViolationError, isTransactionClosedError, TransactionClosedError } from './errors.js';
import { inFlightOf, settleReadStreams } from './in-flight.js';
import type { Connection, KnexClient, QueryObject } from './knex-port.js';
import { destroyConnection, leaseConnection, returnConnection } from './lease.js';
import type { ReadScope } from './scope.js';

/** Sends a statement on the connection it is given; called again with the primary's where a replica failed. */
type Send = (client: KnexClient, connection: Connection) => Promise<QueryObject>;

const interruptGraceMs = 500;

export function createReadScope(): ReadScope {
  return { leases: new Map(), inFlight: new Set(), streams: new Set(), closed: false };
}

export async function acquireForRead(core: Core, scope: ReadScope): Promise<Connection> {
  assertUsable(core, scope);
  if (!core.router.hasReplicas) return leaseFor(core, scope, core.client);
  const client = await core.router.pick();
  try {
    return await leaseFor(core, scope, client);
  } catch (error) {
    if (client === core.client || isTransactionClosedError(error) || isDomainViolationError(error))
      throw error;
    core.router.markDown(client);
    return leaseFor(core, scope, core.client);
  }
}

/** @param cut why the connection must not be used again */
export function releaseAfterRead(core: Core, scope: ReadScope, connection: Connection, cut?: Error): void {
  const lease = scope.leases.get(connection);
  if (lease === undefined) return;
  scope.leases.delete(connection);
  if (cut === undefined) returnConnection(lease.client, connection);
  else destroyConnection(lease.client, core.engine, connection, cut);
  lease.leave?.();
}

/** @param repeatable whether another server may answer it again; a stream may have given rows already */
export async function sendRead(
  core: Core,
  scope: ReadScope,
  connection: Connection,
  send: Send,
  repeatable: boolean,
): Promise<QueryObject> {
  assertUsable(core, scope);
  const sent = repeatable
    ? sendOrFallBack(core, scope, connection, send)
    : send(scope.leases.get(connection)?.client ?? core.client, connection);
  return inFlightOf(scope, sent);
}

/** Cancels what runs, after a timeout, an abort, or the end of a scope that did not wait for it. */
export async function interruptReads(core: Core, scope: ReadScope): Promise<void> {
  const { leases, inFlight, streams } = scope;
  for (const stream of streams) stream.destroy(closedReadError(core));
  await settleReadStreams(scope);
  if (inFlight.size === 0) return;
  const running = [...leases];
  const ended = Promise.allSettled(inFlight);
  if (core.engine.canCancel)
    await Promise.race([
      Promise.allSettled(running.map(([connection, { client }]) => client.cancelQuery(connection))),
      delay(interruptGraceMs, undefined, { ref: false }),
    ]);
  const done = await Promise.race([ended.then(() => true), delay(interruptGraceMs, false, { ref: false })]);
  if (done) return;
  for (const [connection, lease] of running) {
    if (!leases.delete(connection)) continue;
    destroyConnection(lease.client, core.engine, connection, new Error('a cancelled read did not end'));
    lease.leave?.();
  }
}

/** A flow that holds a suspended transaction asks for one connection more, like any deeper scope. */
export async function placeFor(core: Core): Promise<(() => void) | undefined> {
  const held = heldConnections(core.client);
  return held === 0 ? undefined : core.admission.enter(held + 1, core.maxDepth);
}

async function leaseFor(core: Core, scope: ReadScope, client: KnexClient): Promise<Connection> {
  const { leases } = scope;
  const leave = client === core.client ? await placeFor(core) : undefined;
  try {
    const connection = await leaseConnection(client, core.engine, 'read');
    leases.set(connection, { client, leave });
    try {
      await core.guard?.checkConnection(client, connection);
    } catch (error) {
      leases.delete(connection);
      returnConnection(client, connection);
      throw error;
    }
    return connection;
  } catch (error) {
    leave?.();
    throw error;
  }
}

/** A read may be repeated: what a replica could not answer the primary does. */
async function sendOrFallBack(
  core: Core,
  scope: ReadScope,
  connection: Connection,
  send: Send,
): Promise<QueryObject> {
  const { leases } = scope;
  const client = leases.get(connection)?.client ?? core.client;
  if (client === core.client) return whileBusy(core.engine, () => send(client, connection));
  try {
    const done = await send(client, connection);
    core.router.markUp(client);
    return done;
  } catch (error) {
    const conflict = core.engine.isRetryable(error);
    if (scope.closed || !(conflict || core.engine.isConnectionLost(error))) throw error;
    if (!conflict) core.router.markDown(client);
    const second = await leaseFor(core, scope, core.client);
    try {
      return await send(core.client, second);
    } finally {
      releaseAfterRead(core, scope, second);
    }
  }
}

function assertUsable(core: Core, scope: ReadScope): void {
  if (scope.closed) throw closedReadError(core);
}

function closedReadError(core: Core): TransactionClosedError {
  return new TransactionClosedError(
    `A read scope of "${core.name}" has ended; await every statement inside the function given to tm.read`,
  );
}
