import { createAbort, type Abort } from './abort.js';
import { callInScope, type Work } from './call.js';
import type { Result } from './result.js';
import { publishRetried, publishSettled, type TxSettledEvent } from './channels.js';
import { currentContext, currentFrame, heldConnections } from './context.js';
import type { Core } from './core.js';
import { isAfterCommitError, isCommitOutcomeUnknownError, isDomainViolationError } from './errors.js';
import { afterCommitError, runHooks, warnOfRollbackHooks } from './hooks.js';
import type { KnexClient } from './knex-port.js';
import { destroyConnection, leaseConnection, returnConnection } from './lease.js';
import type { RunOptions } from './options.js';
import { beginPhysical, commitPhysical, rollbackPhysical } from './physical.js';
import { pauseBeforeRetry, retryableCause } from './retry.js';
import { frameOf, runNested } from './run-inner.js';
import { createScope, type Hook, type Physical } from './scope.js';
import { testState } from './test-state.js';
import { asTimeout, judge } from './verdict.js';

/** One attempt's end. */
interface Settlement<T> {
  readonly outcome: TxSettledEvent['outcome'];
  readonly result: Result<T>;
  readonly hooks: readonly Hook[];
}

/** A transaction of its own on a connection of its own, repeated as `retry` says. */
export async function runRoot<T>(core: Core, options: RunOptions, fn: Work<T>): Promise<T> {
  const test = testState(core.client).physical;
  if (test !== undefined) {
    const frame = currentFrame(core.client);
    const outer = frame?.kind === 'tx' ? frame.scope : undefined;
    return runNested(
      core,
      test,
      outer?.level ?? test.root,
      outer,
      options,
      fn,
      options.readOnly === true ? 'read' : 'write',
    );
  }
  const started = performance.now();
  const parent = enclosingAbort();
  const abort = createAbort({
    label: `Transaction of "${core.name}"`,
    timeoutMs: options.timeoutMs,
    signal: options.signal,
    parent,
  });
  const attempts = options.retry?.attempts ?? 1;
  let attempt = 1;
  let settlement: Settlement<T>;
  try {
    for (; ; attempt += 1) {
      settlement = await attemptRoot(core, options, abort, fn);
      const again =
        attempt < attempts && abort.reason === undefined ? repeatable(core, settlement) : undefined;
      if (again === undefined) break;
      const failed = attempt;
      publishRetried(() => ({ name: core.name, code: again.code, attempt: failed }));
      try {
        await pauseBeforeRetry(options.retry!, attempt, abort.aborted);
      } catch (error) {
        settlement = { outcome: 'rolled-back', result: { ok: false, error }, hooks: settlement.hooks };
        break;
      }
    }
  } finally {
    abort.dispose();
  }
  const { outcome } = settlement;
  publishSettled(() => ({
    name: core.name,
    mode: options.readOnly === true ? 'read' : 'write',
    outcome,
    durationMs: performance.now() - started,
    attempts: attempt,
  }));
  return finish(core, settlement);
}

async function attemptRoot<T>(
  core: Core,
  options: RunOptions,
  abort: Abort,
  fn: Work<T>,
): Promise<Settlement<T>> {
  let physical: Physical;
  let leave: (() => void) | undefined;
  try {
    if (abort.reason !== undefined) throw abort.reason.error;
    leave = await core.admission.enter(heldConnections(core.client) + 1, core.maxDepth, abort.aborted);
    physical = await begin(core, options, abort);
  } catch (error) {
    leave?.();
    return { outcome: 'rolled-back', result: { ok: false, error }, hooks: [] };
  }
  try {
    const scope = createScope(physical, physical.root, physical.id, { abort });
    const frame = frameOf(core, scope);
    const called = await callInScope(scope, frame, abort, options.dangling ?? core.dangling, fn);
    const verdict = judge(scope, asTimeout(core.engine, options, called), options, abort);
    const { hooks } = physical.root;
    if (!verdict.commit) {
      await rollbackPhysical(physical);
      return { outcome: 'rolled-back', result: verdict.result, hooks };
    }
    try {
      const position = await commitPhysical(
        physical,
        core.router.hasReplicas && !physical.readOnly,
        abort.aborted,
      );
      if (!physical.readOnly) core.router.noteWrite(position);
      return { outcome: 'committed', result: verdict.result, hooks };
    } catch (error) {
      const outcome = isCommitOutcomeUnknownError(error) ? 'unknown' : 'rolled-back';
      // It may have happened, and then reads must see it.
      if (outcome === 'unknown') core.router.noteWrite(undefined);
      return { outcome, result: { ok: false, error }, hooks };
    }
  } finally {
    leave();
  }
}

/** Leases a connection and begins; an abort meanwhile gives the late connection back. */
async function begin(core: Core, options: RunOptions, abort: Abort): Promise<Physical> {
  // A hot standby has no SERIALIZABLE.
  const mayReplica = options.readOnly === true && options.isolation !== 'serializable';
  const source = mayReplica ? await core.router.pick() : core.client;
  const beginning = beginOn(core, source, options).catch((error: unknown) => {
    if (source === core.client || isDomainViolationError(error)) throw error;
    core.router.markDown(source);
    return beginOn(core, core.client, options);
  });
  if (abort.aborted === undefined) return beginning;
  try {
    return await Promise.race([beginning, abort.aborted]);
  } catch (error) {
    beginning.then(rollbackPhysical, () => {});
    throw error;
  }
}

/** BEGIN on a connection of this pool that the domain guard has seen. */
export async function beginOn(core: Core, client: KnexClient, options: RunOptions): Promise<Physical> {
  const { engine, gateTimeoutMs, name } = core;
  const connection = await leaseConnection(client, engine, options.readOnly === true ? 'read' : 'write');
  try {
    await core.guard?.checkConnection(client, connection);
  } catch (error) {
    if (engine.isConnectionLost(error)) destroyConnection(client, engine, connection, error);
    else returnConnection(client, connection);
    throw error;
  }
  const { isolation, readOnly, snapshot, timeoutMs } = options;
  return beginPhysical(client, engine, connection, {
    isolation,
    readOnly,
    snapshot,
    timeoutMs,
    gateTimeoutMs,
    name,
  });
}

/** Repeating what is committed, or may be, would do it twice. */
function repeatable<T>(core: Core, { outcome, result }: Settlement<T>): { code: string } | undefined {
  if (outcome !== 'rolled-back' || result.ok || isAfterCommitError(result.error)) return undefined;
  return retryableCause(core.engine, result.error);
}

/** The connection is back in the pool: now the hooks, then the caller. */
async function finish<T>(core: Core, { outcome, result, hooks }: Settlement<T>): Promise<T> {
  if (outcome === 'committed') {
    const failures = await runHooks(hooks, 'commit');
    if (failures.length > 0)
      throw afterCommitError(core.name, failures, result.ok ? result.value : undefined);
  } else if (outcome === 'rolled-back') {
    warnOfRollbackHooks(core.name, await runHooks(hooks, 'rollback'));
  }
  if (result.ok) return result.value;
  throw result.error;
}

/** What ends the transaction around ends this one too, although it is another. */
function enclosingAbort(): Abort | undefined {
  for (let frame = currentContext().frame; frame !== undefined; frame = frame.parent)
    if (frame.kind === 'tx' && frame.scope.abort !== undefined) return frame.scope.abort;
  return undefined;
}
