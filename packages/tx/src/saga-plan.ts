import type { SagaDefinition } from './saga-definition.js';

/** `failed`: nothing needed undoing. `stuck`: an undo was tried as often as allowed; an operator decides. */
export type SagaStatus = 'running' | 'completed' | 'compensating' | 'compensated' | 'failed' | 'stuck';

/** @internal */
export const sagaStatuses: readonly SagaStatus[] = [
  'running',
  'completed',
  'compensating',
  'compensated',
  'failed',
  'stuck',
];

/** `unknown`: nobody here knows whether the partner acted. */
export type StepStatus = 'started' | 'done' | 'failed' | 'unknown';

/** One row of `kit_saga_step`. */
export interface StepRecord {
  readonly seq: number;
  readonly name: string;
  readonly phase: 'do' | 'undo';
  readonly status: StepStatus;
  readonly attempts: number;
  readonly result?: unknown;
  readonly error?: SagaErrorInfo | undefined;
}

/** What is kept of an error. */
export interface SagaErrorInfo {
  name: string;
  message: string;
  code?: string;
}

/** What a saga has behind it. */
export interface SagaProgress {
  readonly status: SagaStatus;
  readonly nextStep: number;
  readonly steps: readonly StepRecord[];
}

/** What is to be done next. */
export type SagaMove =
  | { readonly kind: 'do' | 'reconcile' | 'undo'; readonly seq: number }
  | { readonly kind: 'settle'; readonly status: SagaStatus };

/**
 * The next move of a saga, from its rows alone: the same after a crash as without one.
 *
 * @internal
 */
export function nextMove(saga: SagaDefinition, progress: SagaProgress): SagaMove {
  return progress.status === 'compensating' ? nextUndo(saga, progress) : nextDo(saga, progress);
}

/**
 * Whether a step that did not succeed turns the saga around: before the pivot always, at the pivot only when the partner
 * certainly did not act, after it never.
 *
 * @internal
 */
export function turnsAround(saga: SagaDefinition, seq: number, status: 'failed' | 'unknown'): boolean {
  if (saga.pivot === -1 || seq < saga.pivot) return true;
  return seq === saga.pivot && status === 'failed';
}

/**
 * `compensating` when a step waits for its undo, `failed` when there is nothing to undo.
 *
 * @internal
 */
export function statusAfterTurn(saga: SagaDefinition, steps: readonly StepRecord[]): SagaStatus {
  return nextUndoSeq(saga, steps) === -1 ? 'failed' : 'compensating';
}

/** @internal */
export function recordOf(
  steps: readonly StepRecord[],
  seq: number,
  phase: 'do' | 'undo',
): StepRecord | undefined {
  return steps.find((step) => step.seq === seq && step.phase === phase);
}

function nextDo(saga: SagaDefinition, { nextStep, steps }: SagaProgress): SagaMove {
  const step = saga.steps[nextStep];
  if (!step) return { kind: 'settle', status: 'completed' };
  const status = recordOf(steps, nextStep, 'do')?.status;
  // The partner may have acted already: it is asked before it is called again.
  const open = status === 'started' || status === 'unknown';
  return { kind: open && step.reconcile ? 'reconcile' : 'do', seq: nextStep };
}

function nextUndo(saga: SagaDefinition, { steps }: SagaProgress): SagaMove {
  const seq = nextUndoSeq(saga, steps);
  return seq === -1 ? { kind: 'settle', status: 'compensated' } : { kind: 'undo', seq };
}

/** The last step that may have had an effect, can take it back and has not done so. */
function nextUndoSeq(saga: SagaDefinition, steps: readonly StepRecord[]): number {
  return saga.steps.findLastIndex((step, seq) => {
    const status = recordOf(steps, seq, 'do')?.status;
    const acted = status === 'done' || status === 'unknown' || status === 'started';
    return acted && step.undo !== undefined && recordOf(steps, seq, 'undo')?.status !== 'done';
  });
}
