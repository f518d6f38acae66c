import { setTimeout as delay } from 'node:timers/promises';
import type { BeginOptions, Engine } from './engine.js';
import { CommitOutcomeUnknownError, TransactionHijackedError, UnexpectedRollbackError } from './errors.js';
import { messageOf } from './error-message.js';
import { whileBusy } from './busy.js';
import { createGate } from './gate.js';
import { execute, type Connection, type KnexClient, type QueryObject } from './knex-port.js';
import { destroyConnection, returnConnection } from './lease.js';
import { closedScopeError, createLevel, type Physical, type Scope, type TxLevel } from './scope.js';

/** knex gives up on a ROLLBACK after as long, and then returns the busy connection to the pool. */
const rollbackLimitMs = 5_000;
/** How long a cancelled statement may take to end before its connection is cut. */
const cancelGraceMs = 500;

let counter = 0;

/** BEGIN on a leased connection; a connection that cannot begin goes back or is dropped. */
export async function beginPhysical(
  client: KnexClient,
  engine: Engine,
  connection: Connection,
  options: BeginOptions & { gateTimeoutMs: number; name: string },
): Promise<Physical> {
  counter += 1;
  const id = `kit${counter}`;
  connection.__knexTxId = id;
  try {
    await whileBusy(engine, () => engine.begin(client, connection, options), options.timeoutMs);
  } catch (error) {
    await giveBack(client, engine, connection, options, error);
    throw error;
  }
  const root = createLevel(undefined, `"${options.name}" ${id}`);
  return {
    id,
    begun: options,
    beforeRelease: [],
    client,
    connection,
    engine,
    gate: createGate(root, options.gateTimeoutMs),
    root,
    isolation: (options.snapshot === true ? 'repeatable read' : options.isolation) ?? engine.defaultIsolation,
    readOnly: options.readOnly === true,
    ended: false,
  };
}

/** A connection that could not begin: as it was before, or not at all. */
async function giveBack(
  client: KnexClient,
  engine: Engine,
  connection: Connection,
  options: BeginOptions,
  error: unknown,
): Promise<void> {
  try {
    if (engine.isConnectionLost(error)) throw error;
    await engine.restore?.(client, connection, options);
    returnConnection(client, connection);
  } catch (reason) {
    destroyConnection(client, engine, connection, reason);
  }
}

/** Sends one of the user's statements through the gate, and looks at what it did to the transaction. */
export async function sendStatement(
  scope: Scope,
  query: QueryObject,
  send: () => Promise<QueryObject>,
): Promise<QueryObject> {
  const { physical } = scope;
  if (scope.closed) throw closedScopeError(scope);
  refuseEnders(physical, query);
  const sent = physical.gate.run(scope.level, scope, async () => {
    if (physical.poison !== undefined) throw physical.poison.error;
    if (scope.closed) throw closedScopeError(scope);
    let done: QueryObject;
    try {
      done = await send();
    } catch (error) {
      await noteFailure(physical, scope.level, error);
      throw error;
    }
    if (physical.engine.truth(physical.connection, done?.response) !== 'none') return done;
    const hijacked = new TransactionHijackedError(
      `A statement ended transaction ${physical.root.label} unseen: ${query.sql}`,
    );
    poisonPhysical(physical, hijacked);
    throw hijacked;
  });
  scope.inFlight.add(sent);
  try {
    return await sent;
  } finally {
    scope.inFlight.delete(sent);
  }
}

export function poisonPhysical(physical: Physical, error: Error, lost = false): void {
  physical.poison ??= { error, lost };
}

export async function setSavepoint(scope: Scope): Promise<void> {
  const { gate } = scope.physical;
  await gate.open(scope.level, scope, () => own(scope.physical, scope.level, `SAVEPOINT ${scope.label}`));
}

/** Whether the savepoint's work is kept; if it is not, it is undone. */
export async function endSavepoint(scope: Scope, keep: boolean): Promise<boolean> {
  const { physical, level, label } = scope;
  let kept = keep && physical.engine.truth(physical.connection) !== 'aborted';
  const ending = physical.gate.close(level, scope, async () => {
    if (kept) {
      try {
        await execute(physical.client, physical.connection, `RELEASE SAVEPOINT ${label}`);
        return;
      } catch (error) {
        level.firstFailure ??= { error };
        kept = false;
      }
    }
    await own(physical, level, `ROLLBACK TO SAVEPOINT ${label}`);
    await own(physical, level, `RELEASE SAVEPOINT ${label}`);
  });
  try {
    await ending;
  } catch (error) {
    // Neither kept nor undone: nothing of the transaction may be committed.
    poisonPhysical(physical, unexpectedRollback(physical, level, error));
    throw error;
  }
  return kept;
}

/**
 * COMMIT, with the server asked before and its answer read after. Returns the connection in every case.
 *
 * @throws UnexpectedRollbackError, CommitOutcomeUnknownError, or what the server answered (a deferred constraint).
 */
export async function commitPhysical(
  physical: Physical,
  wantPosition: boolean,
  aborted: Promise<never> | undefined,
): Promise<string | undefined> {
  const { client, connection, engine, root } = physical;
  // A nested scope that could not be ended has left its savepoint.
  const isWhole = connection.__knex__disposed === undefined && physical.gate.top === root;
  const truth = isWhole ? engine.truth(connection) : 'none';
  if (truth !== 'open') {
    await rollbackPhysical(physical);
    throw truth === 'aborted' ? unexpectedRollback(physical, root) : lostError(physical);
  }
  const committing = whileBusy(engine, () => engine.commit(client, connection, wantPosition));
  try {
    // SQLite answers at once, or asks again: a COMMIT must not come after the connection has gone on.
    const { committed, position } = await (aborted === undefined || engine.kind === 'sqlite'
      ? committing
      : Promise.race([committing, aborted]));
    if (!committed) throw unexpectedRollback(physical, root);
    await release(physical).catch((error) => drop(physical, error));
    return position;
  } catch (error) {
    committing.catch(() => {});
    const definite = error instanceof UnexpectedRollbackError || engine.isDefinite(error);
    if (definite) {
      await rollbackPhysical(physical);
      throw error;
    }
    drop(physical, error);
    throw new CommitOutcomeUnknownError(
      `The connection was lost during the COMMIT of transaction ${root.label}; look whether its work is there before you repeat it`,
      { cause: error },
    );
  }
}

/** ROLLBACK within its limit, else the connection is destroyed, which rolls back too. Never throws. */
export async function rollbackPhysical(physical: Physical): Promise<void> {
  const { client, connection, engine } = physical;
  if (physical.ended) return;
  physical.gate.fail(physical.poison?.error ?? lostError(physical));
  if (physical.poison?.lost === true || connection.__knex__disposed !== undefined)
    return drop(physical, physical.poison?.error ?? connection.__knex__disposed);
  const limit = new AbortController();
  try {
    await Promise.race([
      (async () => {
        await physical.gate.idle();
        // SQLite answers a ROLLBACK without a transaction with an error.
        if (engine.kind !== 'sqlite' || engine.truth(connection) !== 'none')
          await execute(client, connection, 'ROLLBACK');
        await release(physical);
      })(),
      delay(rollbackLimitMs, undefined, { signal: limit.signal, ref: false }).then(() => {
        throw new Error(`ROLLBACK took longer than ${rollbackLimitMs} ms`);
      }),
    ]);
  } catch (error) {
    drop(physical, error);
  } finally {
    limit.abort();
  }
}

/** Stops the running statement: cancels it, and cuts the connection if that does not help soon. */
export async function interruptPhysical(physical: Physical): Promise<void> {
  const { client, connection, engine, gate } = physical;
  if (!gate.busy) return;
  const grace = new AbortController();
  const cancelled = engine.canCancel
    ? Promise.all([client.cancelQuery(connection), gate.idle()]).then(() => true)
    : gate.idle().then(() => true);
  const ended = await Promise.race([
    cancelled.catch(() => false),
    delay(cancelGraceMs, false, { signal: grace.signal }).catch(() => false),
  ]);
  grace.abort();
  if (!ended) drop(physical, new Error('a cancelled statement did not end'));
}

export function unexpectedRollback(
  physical: Physical,
  level: TxLevel,
  cause?: unknown,
): UnexpectedRollbackError {
  const reason = cause ?? level.rollbackOnly?.cause ?? level.firstFailure?.error;
  return new UnexpectedRollbackError(
    `Transaction ${physical.root.label} was rolled back although its function returned: ${describe(reason)}; let the error pass, or run the failing part as NESTED`,
    { cause: reason },
  );
}

function describe(reason: unknown): string {
  if (reason === undefined) return 'a scope inside was marked rollback-only';
  return `an error inside was swallowed (${messageOf(reason)})`;
}

function lostError(physical: Physical): UnexpectedRollbackError {
  const cause = physical.root.firstFailure?.error ?? physical.connection.__knex__disposed;
  return new UnexpectedRollbackError(
    `Transaction ${physical.root.label} is gone: the server or the connection ended it before COMMIT`,
    { cause },
  );
}

/** A statement of the manager's own inside the transaction. */
async function own(physical: Physical, level: TxLevel, sql: string): Promise<void> {
  if (physical.poison !== undefined) throw physical.poison.error;
  try {
    await execute(physical.client, physical.connection, sql);
  } catch (error) {
    await noteFailure(physical, level, error);
    throw error;
  }
}

async function noteFailure(physical: Physical, level: TxLevel, error: unknown): Promise<void> {
  level.firstFailure ??= { error };
  const { client, connection, engine } = physical;
  let truth: string;
  let lost = engine.isConnectionLost(error);
  try {
    truth = await engine.truthAfterError(client, connection, error);
  } catch {
    truth = 'none';
    lost = true;
  }
  if (truth !== 'none') return;
  poisonPhysical(
    physical,
    new UnexpectedRollbackError(
      `Transaction ${physical.root.label} was rolled back by the server: ${describe(error)}; no further statement is sent`,
      { cause: error },
    ),
    lost,
  );
}

/** Builders make no such statements, so only raw SQL and schema changes are looked at. */
const harmless = new Set(['select', 'first', 'pluck', 'insert', 'update', 'del', 'counter', 'columnInfo']);

export function refuseEnders(
  physical: { engine: Engine } | Physical,
  query: QueryObject,
  active = true,
): void {
  if (harmless.has(query.method ?? '')) return;
  if (!physical.engine.endsTransaction(query.sql, active)) return;
  throw new TransactionHijackedError(
    active
      ? `This statement would end the transaction behind the manager's back, so it was not sent: ${query.sql}`
      : `Transactions are begun and ended by tm.run only; this statement was not sent: ${query.sql}`,
  );
}

async function release(physical: Physical): Promise<void> {
  if (physical.ended) return;
  for (const cleanUp of physical.beforeRelease) await cleanUp();
  await physical.engine.restore?.(physical.client, physical.connection, physical.begun);
  physical.ended = true;
  returnConnection(physical.client, physical.connection);
}

function drop(physical: Physical, why: unknown): void {
  if (physical.ended) return;
  physical.ended = true;
  poisonPhysical(physical, lostError(physical), true);
  physical.gate.fail(physical.poison?.error);
  destroyConnection(physical.client, physical.engine, physical.connection, why);
}
