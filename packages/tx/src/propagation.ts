import { createAbort } from './abort.js';
import { outcomeOf, type Work } from './call.js';
import { currentContext, currentFrame } from './context.js';
import type { Core } from './core.js';
import { PoolDeadlockError, PropagationError } from './errors.js';
import type { RunOptions } from './options.js';
import { runReadScope } from './run-read.js';
import { runRoot } from './run.js';
import { runJoined, runNested } from './run-inner.js';
import { closedScopeError, type Scope } from './scope.js';
import { isolationOf } from './statements.js';
import { testState } from './test-state.js';

/** Decides, from the propagation and from what is active here, what a call of `tm.run` becomes. */
export async function propagate<T>(core: Core, options: RunOptions, fn: Work<T>): Promise<T> {
  const frame = currentFrame(core.client);
  if (options.readOnly === true) return propagateRead(core, options, fn, false);
  if (frame?.kind === 'read' || (frame?.kind === 'none' && frame.readOnly === true))
    throw new PropagationError(
      `tm.run of "${core.name}" was called inside tm.read, which only reads; use tm.run around both`,
    );
  const active = frame?.kind === 'tx' ? frame.scope : undefined;
  if (active?.closed === true) throw closedScopeError(active);
  const { propagation = 'REQUIRED' } = options;
  if (active === undefined) return withoutTransaction(core, propagation, options, fn);
  refuseInner(core, active, options);
  switch (propagation) {
    case 'REQUIRED':
    case 'SUPPORTS':
    case 'MANDATORY':
      await refuseOtherIsolation(core, active, options);
      return runJoined(core, active, options, fn);
    case 'NESTED':
      await refuseOtherIsolation(core, active, options);
      return runNested(core, active.physical, active.level, active, options, fn);
    case 'REQUIRES_NEW':
      refuseSecondWriter(core);
      return runRoot(core, options, fn);
    case 'NOT_SUPPORTED':
      refuseSuspending(core);
      return runOutside(core, options, fn);
    case 'NEVER':
      throw new PropagationError(`NEVER: a transaction of "${core.name}" is active`);
  }
}

/** A read joins what it may; `mayJoinWrite` is what tells `tm.read` from `tm.run({ readOnly: true })`. */
export async function propagateRead<T>(
  core: Core,
  options: RunOptions,
  fn: Work<T>,
  mayJoinWrite: boolean,
): Promise<T> {
  const frame = currentFrame(core.client);
  const { propagation = 'REQUIRED' } = options;
  const active = frame?.kind === 'tx' ? frame.scope : undefined;
  if (active !== undefined && propagation === 'NOT_SUPPORTED') refuseSuspending(core);
  else if (active !== undefined && propagation !== 'REQUIRES_NEW') {
    if (active.closed) throw closedScopeError(active);
    if (!mayJoinWrite && !active.physical.readOnly)
      throw new PropagationError(
        `tm.run({ readOnly: true }) of "${core.name}" cannot join a transaction that writes; use tm.read`,
      );
    if (propagation === 'NEVER')
      throw new PropagationError(`NEVER: a transaction of "${core.name}" is active`);
    await refuseOtherIsolation(core, active, options);
    return runJoined(core, active, options, fn);
  }
  if (propagation === 'MANDATORY')
    throw new PropagationError(`MANDATORY: no transaction of "${core.name}" is active`);
  if (options.snapshot === true || options.isolation !== undefined) {
    if (active !== undefined) refuseSecondWriter(core);
    return runRoot(core, options, fn);
  }
  if (testState(core.client).physical !== undefined) return runOutside(core, options, fn);
  return runReadScope(core, options, fn);
}

async function withoutTransaction<T>(
  core: Core,
  propagation: NonNullable<RunOptions['propagation']>,
  options: RunOptions,
  fn: Work<T>,
): Promise<T> {
  switch (propagation) {
    case 'MANDATORY':
      throw new PropagationError(`MANDATORY: no transaction of "${core.name}" is active`);
    case 'SUPPORTS':
    case 'NOT_SUPPORTED':
    case 'NEVER':
      return runOutside(core, options, fn);
    default:
      return runRoot(core, options, fn);
  }
}

/** Without a transaction, and with whatever is active further out suspended. */
async function runOutside<T>(core: Core, options: RunOptions, fn: Work<T>): Promise<T> {
  const { timeoutMs, signal } = options;
  const abort = createAbort({ label: `A call of "${core.name}"`, timeoutMs, signal });
  const frame = {
    client: core.client,
    parent: currentContext().frame,
    domain: core.domain,
    kind: 'none',
    readOnly: options.readOnly === true,
  } as const;
  const result = await outcomeOf(frame, abort, fn);
  abort.dispose();
  if (result.ok) return result.value;
  throw result.error;
}

function refuseInner(core: Core, active: Scope, options: RunOptions): void {
  if (options.durable === true && testState(core.client).physical !== active.physical)
    throw new PropagationError(
      `durable: this call of "${core.name}" is inside a transaction whose end it cannot vouch for`,
    );
  if (active.physical.readOnly || active.readOnly)
    throw new PropagationError(
      `A transaction that only reads is active in "${core.name}"; it cannot be joined to write`,
    );
}

async function refuseOtherIsolation(core: Core, active: Scope, options: RunOptions): Promise<void> {
  const wanted = options.snapshot === true ? 'repeatable read' : options.isolation;
  if (wanted === undefined) return;
  const isolation = await isolationOf(active);
  if (wanted !== isolation)
    throw new PropagationError(
      `isolation ${wanted} cannot join the transaction of "${core.name}", which runs at ${isolation}; use REQUIRES_NEW or set it on the outermost call`,
    );
}

function refuseSuspending(core: Core): void {
  if (core.engine.kind === 'sqlite')
    throw new PropagationError(
      `NOT_SUPPORTED inside a transaction of "${core.name}" is refused: SQLite has one writer, and it is suspended`,
    );
}

function refuseSecondWriter(core: Core): void {
  if (core.engine.kind === 'sqlite' && testState(core.client).physical === undefined)
    throw new PoolDeadlockError(
      `REQUIRES_NEW inside a transaction of "${core.name}" can never begin: SQLite has one writer, and it is suspended`,
    );
}
