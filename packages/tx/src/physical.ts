import { setTimeout as delay } from 'node:timers/promises';
import type { BeginOptions, Engine } from './engine.js';
import { CommitOutcomeUnknownError, UnexpectedRollbackError } from './errors.js';
import { whileBusy } from './busy.js';
import { createGate } from './gate.js';
import { execute, type Connection, type KnexClient } from './knex-port.js';
import { destroyConnection, returnConnection } from './lease.js';
import { createLevel, type Physical, type Scope } from './scope.js';
import { poisonPhysical, sendOwn, unexpectedRollback } from './statements.js';

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
    isolation: options.snapshot === true ? 'repeatable read' : options.isolation,
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

export async function setSavepoint(scope: Scope): Promise<void> {
  const { gate } = scope.physical;
  await gate.open(scope.level, scope, () => sendOwn(scope.physical, scope.level, `SAVEPOINT ${scope.label}`));
}

/** Whether the savepoint's work is kept; if it is not, it is undone. */
export async function endSavepoint(scope: Scope, keep: boolean): Promise<boolean> {
  const { physical, level, label } = scope;
  let kept = keep && physical.engine.truth(physical.connection) !== 'aborted';
  const ending = physical.gate.close(level, scope, async () => {
    kept &&= await releaseSavepoint(scope);
    if (kept) return;
    await sendOwn(physical, level, `ROLLBACK TO SAVEPOINT ${label}`);
    await sendOwn(physical, level, `RELEASE SAVEPOINT ${label}`);
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

/** False when it was aborted: pg tells of an error before it tells of the state after it, so what was read may be older. */
async function releaseSavepoint({ physical, level, label }: Scope): Promise<boolean> {
  const { engine, client, connection } = physical;
  try {
    await sendOwn(physical, level, `RELEASE SAVEPOINT ${label}`);
    return true;
  } catch (error) {
    if ((await engine.truthAfterError(client, connection, error)) !== 'aborted') throw error;
    return false;
  }
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
  const ended = engine.canCancel ? Promise.all([client.cancelQuery(connection), gate.idle()]) : gate.idle();
  const isInTime = await Promise.race([
    ended.then(
      () => true,
      () => false,
    ),
    delay(cancelGraceMs, false, { ref: false }),
  ]);
  if (!isInTime) drop(physical, new Error('a cancelled statement did not end'));
}

function lostError(physical: Physical): UnexpectedRollbackError {
  const cause = physical.root.firstFailure?.error ?? physical.connection.__knex__disposed;
  return new UnexpectedRollbackError(
    `Transaction ${physical.root.label} is gone: the server or the connection ended it before COMMIT`,
    { cause },
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
