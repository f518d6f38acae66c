import { setTimeout as delay } from 'node:timers/promises';
import type { Abort } from './abort.js';
import { runInFrame, type Frame } from './context.js';
import { DanglingQueryError, UnexpectedRollbackError } from './errors.js';
import { messageOf } from './error-message.js';
import { awaitInFlight, refuseGenerator, settleReadStreams, stopGraceMs } from './in-flight.js';
import type { Dangling } from './options.js';
import { interruptPhysical } from './physical.js';
import type { Result } from './result.js';
import { poisonPhysical } from './statements.js';
import { closeScope, closedScopeError, type Scope } from './scope.js';

/** What the function inside a scope is given. */
export interface RunContext {
  /** Aborts when the call times out or its `signal` option aborts; hand it to whatever else you call. */
  readonly signal: AbortSignal;
}

/** A unit of work: what is given to `tm.run` and `tm.read`. */
export type Work<T> = (context: RunContext) => T | PromiseLike<T>;

/** Runs `fn` inside the scope and closes the scope, whatever happens; nothing of it is in flight afterwards. */
export async function callInScope<T>(
  scope: Scope,
  frame: Frame,
  abort: Abort,
  dangling: Dangling,
  fn: Work<T>,
): Promise<Result<T>> {
  let result = await outcomeOf(frame, abort, fn);
  await settleReadStreams(scope);
  if (scope.inFlight.size > 0 && result.ok && dangling === 'await')
    result = await awaitInFlight(scope, result, abort);
  if (abort.reason !== undefined) {
    closeScope(scope);
    await interruptScope(scope, abort.reason.error);
    return { ok: false, error: abort.reason.error };
  }
  if (scope.inFlight.size > 0) result = await settleInFlight(scope, result);
  closeScope(scope);
  return refuseGenerator(result, `transaction scope ${scope.label}`);
}

export async function outcomeOf<T>(frame: Frame, abort: Abort, fn: Work<T>): Promise<Result<T>> {
  if (abort.reason !== undefined) return { ok: false, error: abort.reason.error };
  const context: RunContext = {
    get signal() {
      return abort.signal;
    },
  };
  try {
    // Awaited inside the frame: a knex builder runs only when it is awaited.
    const returned = runInFrame(frame, async () => await fn(context));
    const value = await (abort.aborted === undefined ? returned : Promise.race([returned, abort.aborted]));
    return { ok: true, value };
  } catch (error) {
    return { ok: false, error };
  }
}

/** Ends what a scope's function left running, so that nothing of it can land after the end. */
async function settleInFlight<T>(scope: Scope, result: Result<T>): Promise<Result<T>> {
  const count = scope.inFlight.size;
  closeScope(scope);
  scope.physical.gate.drop(scope, closedScopeError(scope));
  await stopInFlight(scope);
  if (!result.ok) return result;
  return {
    ok: false,
    error: new DanglingQueryError(
      `${count} statement(s) or stream(s) of transaction scope ${scope.label} were not awaited; await them, or set dangling: 'await'`,
    ),
  };
}

/** The work is undone anyway: what does not end soon is cancelled. Code that hangs elsewhere is not waited for. */
async function stopInFlight(scope: Scope): Promise<void> {
  const { physical, inFlight, streams } = scope;
  const ended = Promise.allSettled(inFlight).then(() => true);
  for (const stream of streams) stream.destroy(closedScopeError(scope));
  const inTime = await Promise.race([ended, delay(stopGraceMs, false, { ref: false })]);
  if (!inTime) await interruptPhysical(physical);
}

/** A timeout or abort: running statements are cancelled, waiting ones rejected. */
async function interruptScope(scope: Scope, error: unknown): Promise<void> {
  const { physical, level } = scope;
  const isAlone = level.parent !== undefined && physical.gate.top === level;
  physical.gate.drop(scope, error);
  // The statements of scopes further in cannot be told from ours any more: the whole transaction ends.
  if (!isAlone) {
    poisonPhysical(physical, new UnexpectedRollbackError(interruptedMessage(scope, error), { cause: error }));
    physical.gate.fail(error);
  }
  for (const stream of scope.streams) stream.destroy(closedScopeError(scope));
  await interruptPhysical(physical);
}

function interruptedMessage(scope: Scope, error: unknown): string {
  return `Transaction ${scope.physical.root.label} was interrupted: ${messageOf(error)}`;
}
