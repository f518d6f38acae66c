import { setTimeout as delay } from 'node:timers/promises';
import type { Abort } from './abort.js';
import { runInFrame, type Frame } from './context.js';
import { DanglingQueryError, UnexpectedRollbackError } from './errors.js';
import { messageOf } from './error-message.js';
import type { Dangling } from './options.js';
import { interruptPhysical } from './physical.js';
import { poisonPhysical } from './statements.js';
import { closeScope, closedScopeError, type Scope } from './scope.js';

/** What the function inside a scope is given. */
export interface RunContext {
  /** Aborts when the call times out or its `signal` option aborts; hand it to whatever else you call. */
  readonly signal: AbortSignal;
}

/** A unit of work: what is given to `tm.run` and `tm.read`. */
export type Work<T> = (context: RunContext) => T | PromiseLike<T>;

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

/** How long statements in flight may take to end by themselves before they are cancelled. */
const stopGraceMs = 250;

/** Runs `fn` inside the scope and closes the scope, whatever happens; nothing of it is in flight afterwards. */
export async function callInScope<T>(
  scope: Scope,
  frame: Frame,
  abort: Abort,
  dangling: Dangling,
  fn: Work<T>,
): Promise<Result<T>> {
  let result = await outcomeOf(frame, abort, fn);
  if (scope.streams.size > 0) await settleReadStreams(scope);
  if (scope.inFlight.size > 0 && result.ok && dangling === 'await')
    result = await awaitInFlight(scope, result, abort);
  if (abort.reason !== undefined) {
    closeScope(scope);
    await interruptScope(scope, abort.reason.error);
    return { ok: false, error: abort.reason.error };
  }
  if (scope.inFlight.size > 0) result = await settleInFlight(scope, result);
  else if (result.ok && isGenerator(result.value)) result = { ok: false, error: generatorError(scope) };
  closeScope(scope);
  return result;
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

/** Who has read a stream to its end hears of that a moment before we do. */
async function settleReadStreams({ inFlight, streams }: Scope): Promise<void> {
  if (![...streams].every(({ readableEnded, destroyed }) => readableEnded || destroyed)) return;
  await Promise.race([Promise.allSettled(inFlight), delay(stopGraceMs, undefined, { ref: false })]);
}

async function awaitInFlight<T>(scope: Scope, result: Result<T>, abort: Abort): Promise<Result<T>> {
  try {
    // What is awaited may start more.
    while (scope.inFlight.size > 0) {
      const ended = Promise.all(scope.inFlight);
      await (abort.aborted === undefined ? ended : Promise.race([ended, abort.aborted]));
    }
    return result;
  } catch (error) {
    return { ok: false, error };
  }
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

/** Its body would run after the end of the scope. */
function isGenerator(value: unknown): boolean {
  return /^\[object (Async)?Generator\]$/.test(Object.prototype.toString.call(value));
}

function generatorError(scope: Scope): DanglingQueryError {
  return new DanglingQueryError(
    `The function of transaction scope ${scope.label} returned a generator, whose body would run outside; consume it inside`,
  );
}
