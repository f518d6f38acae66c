import { performance } from 'node:perf_hooks';
import { fromJsonText, toJsonText } from './json-value.js';
import { callWithin, errorInfo, isDatabaseOutage, isUnknownOutcome, wasNotSent } from './saga-call.js';
import type { Reconciliation, SagaStep } from './saga-definition.js';
import {
  adopt,
  attemptsOf,
  contextOf,
  type Drive,
  park,
  publishStep,
  record,
  recover,
  save,
  withRelease,
  withStep,
} from './saga-drive.js';
import { recordOf, statusAfterTurn, type StepRecord, turnsAround } from './saga-plan.js';
import type { SagaChange } from './saga-store.js';

/** @internal */
export async function doStep(drive: Drive, seq: number): Promise<void> {
  const step = drive.saga.steps[seq]!;
  if (step.kind === 'remote') {
    const earlier = recordOf(drive.row.steps, seq, 'do')?.status;
    await intend(drive, seq, step);
    return callPartner(drive, seq, step, earlier);
  }
  const attempts = attemptsOf(drive, seq, 'do') + 1;
  return inTransaction(drive, step, 'do', {
    async run() {
      const result = holdable(await step.run(contextOf(drive, seq, 'do', attempts)), drive, step);
      const done = record(seq, step, 'do', 'done', attempts, { result });
      return [afterDo(drive, seq), [done, ...intentAfter(drive, seq)]];
    },
    fail: (error) => failDo(drive, seq, step, 'failed', error, attempts),
  });
}

/**
 * Calls the partner of a step whose intent was committed with the end of the step before it.
 *
 * @internal
 */
export function callIntended(drive: Drive, seq: number): Promise<void> {
  return callPartner(drive, seq, drive.saga.steps[seq]!, undefined);
}

/**
 * Asks the partner about a call whose answer nobody here has seen.
 *
 * @internal
 */
export async function reconcileStep(drive: Drive, seq: number): Promise<void> {
  const step = drive.saga.steps[seq]!;
  const attempts = attemptsOf(drive, seq, 'do');
  const startedAt = performance.now();
  const answer = await askPartner(drive, seq, step, attempts);
  if (answer.outcome === 'not-done') {
    await intend(drive, seq, step);
    return callPartner(drive, seq, step, undefined);
  }
  if (answer.outcome === 'unknown') {
    await failDo(drive, seq, step, 'unknown', answer.error, attempts);
  } else {
    const done = record(seq, step, 'do', 'done', attempts, { result: answer.result });
    await save(drive, afterDo(drive, seq), done, ...intentAfter(drive, seq));
  }
  publishStep(drive, step, 'do', answer.outcome, startedAt);
}

/** @internal */
export async function undoStep(drive: Drive, seq: number): Promise<void> {
  const step = drive.saga.steps[seq]!;
  const attempts = attemptsOf(drive, seq, 'undo') + 1;
  const done = record(seq, step, 'undo', 'done', attempts);
  if (step.kind === 'local') {
    return inTransaction(drive, step, 'undo', {
      async run() {
        await step.undo!(contextOf(drive, seq, 'undo', attempts));
        return [afterUndo(drive, done), [done]];
      },
      fail: (error) => failUndo(drive, seq, step, 'failed', error, attempts),
    });
  }
  await save(drive, {}, record(seq, step, 'undo', 'started', attempts));
  await drive.lease.assertHeld();
  const startedAt = performance.now();
  try {
    await callWithin(step.timeoutMs ?? 30_000, drive.lease.lost, (signal) =>
      step.undo!({ ...contextOf(drive, seq, 'undo', attempts), signal }),
    );
  } catch (error) {
    drive.lease.lost.throwIfAborted();
    const status = isUnknownOutcome(error, step.unknown) ? 'unknown' : 'failed';
    await failUndo(drive, seq, step, status, error, attempts);
    return publishStep(drive, step, 'undo', status, startedAt);
  }
  await save(drive, afterUndo(drive, done), done);
  publishStep(drive, step, 'undo', 'done', startedAt);
}

/** What is committed before the partner is called: whoever finds it after a crash knows that the call may have been made. */
function intend(drive: Drive, seq: number, step: SagaStep): Promise<void> {
  return save(drive, {}, record(seq, step, 'do', 'started', attemptsOf(drive, seq, 'do') + 1));
}

/** The intent of the next call goes with the end of this step: one commit where there would be two. */
function intentAfter(drive: Drive, seq: number): StepRecord[] {
  const next = drive.saga.steps[seq + 1];
  if (next?.kind !== 'remote' || drive.options.closing()) return [];
  return [record(seq + 1, next, 'do', 'started', 1)];
}

/** `earlier` is how the last attempt ended; absent when the partner is known not to have acted. */
async function callPartner(
  drive: Drive,
  seq: number,
  step: SagaStep,
  earlier: StepRecord['status'] | undefined,
): Promise<void> {
  const attempts = attemptsOf(drive, seq, 'do');
  drive.intended = undefined;
  await drive.lease.assertHeld();
  const startedAt = performance.now();
  let answer: unknown;
  try {
    answer = await callWithin(step.timeoutMs ?? 30_000, drive.lease.lost, (signal) =>
      step.run({ ...contextOf(drive, seq, 'do', attempts), signal }),
    );
  } catch (error) {
    drive.lease.lost.throwIfAborted();
    // A breaker that refuses this attempt says nothing about the one before.
    const stillOpen = (earlier === 'started' || earlier === 'unknown') && wasNotSent(error);
    const status = stillOpen || isUnknownOutcome(error, step.unknown) ? 'unknown' : 'failed';
    await failDo(drive, seq, step, status, error, attempts, attempts === 1);
    return publishStep(drive, step, 'do', status, startedAt);
  }
  try {
    const done = record(seq, step, 'do', 'done', attempts, { result: holdable(answer, drive, step) });
    await save(drive, afterDo(drive, seq), done, ...intentAfter(drive, seq));
    publishStep(drive, step, 'do', 'done', startedAt);
  } catch (error) {
    if (!isUnholdable(error)) throw error;
    // The partner has acted, only its answer cannot be kept.
    await failDo(drive, seq, step, 'unknown', error, attempts);
    publishStep(drive, step, 'do', 'unknown', startedAt);
  }
}

type Answer =
  | { outcome: 'done'; result: unknown }
  | { outcome: 'not-done' }
  | { outcome: 'unknown'; error: unknown };

async function askPartner(drive: Drive, seq: number, step: SagaStep, attempts: number): Promise<Answer> {
  try {
    const answer: Reconciliation = await callWithin(step.timeoutMs ?? 30_000, drive.lease.lost, (signal) =>
      step.reconcile!({ ...contextOf(drive, seq, 'do', attempts), signal }),
    );
    if (answer?.outcome === 'done') return { outcome: 'done', result: holdable(answer.result, drive, step) };
    if (answer?.outcome === 'not-done') return { outcome: 'not-done' };
    const message =
      answer?.outcome === 'unknown'
        ? `the partner of step "${step.name}" does not know the outcome either`
        : `reconcile of step "${step.name}" must answer { outcome: 'done' | 'not-done' | 'unknown' }`;
    return { outcome: 'unknown', error: new TypeError(message) };
  } catch (error) {
    drive.lease.lost.throwIfAborted();
    return { outcome: 'unknown', error };
  }
}

interface LocalWork {
  /** Runs in the transaction, more than once when it is retried; gives what is to be committed with it. */
  run(): Promise<[SagaChange, StepRecord[]]>;
  fail(error: unknown): Promise<void>;
}

/** The business write, the step's row and the fenced cursor in one transaction: all of them, or none. */
async function inTransaction(
  drive: Drive,
  step: SagaStep,
  phase: 'do' | 'undo',
  work: LocalWork,
): Promise<void> {
  const startedAt = performance.now();
  let written: [SagaChange, StepRecord[]] | undefined;
  try {
    await drive.tm.run({ retry: { attempts: 5 } }, async () => {
      const [change, steps] = await work.run();
      written = [withRelease(change), steps];
      await drive.lease.advanceInside(...written);
    });
  } catch (error) {
    drive.lease.lost.throwIfAborted();
    // Hooks run after the COMMIT: one that fails does not undo the step.
    if (codeOf(error) !== 'KIT_TX_AFTER_COMMIT' || !written) {
      if (isDatabaseOutage(error)) return recover(drive, errorInfo(error));
      await work.fail(error);
      return publishStep(drive, step, phase, 'failed', startedAt);
    }
  }
  adopt(drive, ...written!);
  publishStep(drive, step, phase, 'done', startedAt);
}

function afterDo(drive: Drive, seq: number): SagaChange {
  const forward = { nextStep: seq + 1, retries: 0, error: null };
  return seq + 1 === drive.saga.steps.length ? { ...forward, status: 'completed' } : forward;
}

function afterUndo(drive: Drive, done: StepRecord): SagaChange {
  const steps = withStep(drive.row.steps, done);
  const change = { nextStep: done.seq, retries: 0 };
  if (statusAfterTurn(drive.saga, steps) !== 'failed') return change;
  // What it is remembered by is why it turned around, not what an undo met on the way.
  const reason = steps.find(({ phase, error }) => phase === 'do' && error !== undefined)?.error;
  return { ...change, status: 'compensated', ...(reason && { error: reason }) };
}

async function failDo(
  drive: Drive,
  seq: number,
  step: SagaStep,
  status: 'failed' | 'unknown',
  cause: unknown,
  attempts: number,
  askAtOnce = false,
): Promise<void> {
  const error = errorInfo(cause);
  const failed = record(seq, step, 'do', status, attempts, { error });
  if (turnsAround(drive.saga, seq, status)) {
    const next = statusAfterTurn(drive.saga, withStep(drive.row.steps, failed));
    return save(drive, { status: next, error, retries: 0 }, failed);
  }
  if (status === 'unknown' && askAtOnce && step.reconcile) return save(drive, { error }, failed);
  return park(drive, error, failed);
}

async function failUndo(
  drive: Drive,
  seq: number,
  step: SagaStep,
  status: 'failed' | 'unknown',
  cause: unknown,
  attempts: number,
): Promise<void> {
  const error = errorInfo(cause);
  const failed = record(seq, step, 'undo', status, attempts, { error });
  if (attempts < drive.options.undoAttempts) return park(drive, undefined, failed);
  return save(drive, { status: 'stuck', error }, failed);
}

const unholdable = new WeakSet<object>();

/** The result as it will be after a restart, so that the next step never sees anything else. */
function holdable(result: unknown, drive: Drive, step: SagaStep): unknown {
  try {
    return fromJsonText(toJsonText(result, `the result of step "${step.name}" of saga "${drive.saga.name}"`));
  } catch (error) {
    unholdable.add(error as object);
    throw error;
  }
}

function isUnholdable(error: unknown): boolean {
  return unholdable.has(error as object);
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}
