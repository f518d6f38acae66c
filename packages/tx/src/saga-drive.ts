import { performance } from 'node:perf_hooks';
import { copyJson } from './json-value.js';
import type { TransactionManager } from './manager.js';
import { publishSagaSettled, publishSagaStep, publishSagaStuck } from './saga-channels.js';
import type { SagaDefinition, SagaStep, StepContext } from './saga-definition.js';
import { type SagaLease, throughOutages } from './saga-lease.js';
import { recordOf, type SagaErrorInfo, type SagaStatus, type StepRecord } from './saga-plan.js';
import type { SagaChange, SagaRow, SagaStore } from './saga-store.js';

/** @internal */
export interface DriveOptions {
  readonly leaseMs: number;
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
  readonly undoAttempts: number;
  /** A saga waits; somebody should look again after so many milliseconds. */
  readonly onParked: (id: string, delayMs: number) => void;
  /** True once the runner closes: sagas are given back between two steps. */
  readonly closing: () => boolean;
}

/**
 * A saga in the hands of this instance.
 *
 * @internal
 */
export interface Drive {
  readonly tm: TransactionManager;
  readonly store: SagaStore;
  readonly options: DriveOptions;
  readonly saga: SagaDefinition;
  readonly lease: SagaLease;
  /** As the database has it; replaced after every write. */
  row: SagaRow;
  /** The remote step whose `started` is committed and whose partner was not called yet. */
  intended: number | undefined;
  /** True once it has settled, parked or was given back. */
  released: boolean;
  /** How it settled, until the channels are told: after what they are told of its last step. */
  settled: { readonly outcome: SagaStatus; readonly step: StepRecord | undefined } | undefined;
}

/** @internal */
export async function save(drive: Drive, change: SagaChange, ...steps: StepRecord[]): Promise<void> {
  const full = withRelease(change);
  await drive.lease.advance(full, steps);
  adopt(drive, full, steps);
}

/**
 * A settled saga needs no lease and is never due again.
 *
 * @internal
 */
export function withRelease(change: SagaChange): SagaChange {
  return change.status && isSettled(change.status) ? { ...change, dueInMs: null } : change;
}

/**
 * Takes over what was just committed.
 *
 * @internal
 */
export function adopt(drive: Drive, change: SagaChange, steps: readonly StepRecord[]): void {
  const { row } = drive;
  const { status, nextStep, retries, error } = change;
  drive.row = {
    ...row,
    ...(status && { status }),
    ...(nextStep !== undefined && { nextStep }),
    ...(retries !== undefined && { retries }),
    ...(error !== undefined && { error: error ?? undefined }),
    steps: steps.reduce(withStep, row.steps),
  };
  drive.intended = steps.find((step) => step.phase === 'do' && step.status === 'started')?.seq;
  drive.released = change.dueInMs !== undefined;
  if (typeof change.dueInMs === 'number') drive.options.onParked(row.id, change.dueInMs);
  if (status && isSettled(status)) drive.settled = { outcome: status, step: steps[0] };
}

/**
 * Leaves the saga for later: the wait grows with every park in a row.
 *
 * @internal
 */
export function park(drive: Drive, error: SagaErrorInfo | undefined, ...steps: StepRecord[]): Promise<void> {
  const { baseMs, maxMs } = drive.options.backoff;
  const { retries } = drive.row;
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(retries, 30));
  // Equal jitter: never at once, never all instances together.
  const dueInMs = Math.ceil(ceiling * (0.5 + Math.random() / 2));
  return save(drive, { dueInMs, retries: retries + 1, ...(error && { error }) }, ...steps);
}

/**
 * After an outage of the own database: what it has now is the truth, also about a COMMIT whose answer got lost.
 *
 * @internal
 */
export async function recover(drive: Drive, error: SagaErrorInfo): Promise<void> {
  const row = await throughOutages(drive.options.leaseMs, () => drive.store.find(drive.row.id));
  const moved = row && JSON.stringify(progressOf(row)) !== JSON.stringify(progressOf(drive.row));
  if (!moved) return park(drive, error);
  const { fence } = drive.row;
  drive.row = { ...row, fence };
  if (!isSettled(row.status)) return undefined;
  drive.released = true;
  // Settled by our own COMMIT, whose answer got lost; others tell the channels of theirs.
  if (row.fence === fence) drive.settled = { outcome: row.status, step: undefined };
  return undefined;
}

/** @internal */
export function record(
  seq: number,
  step: SagaStep,
  phase: 'do' | 'undo',
  status: StepRecord['status'],
  attempts: number,
  more: { result?: unknown; error?: SagaErrorInfo } = {},
): StepRecord {
  return { seq, name: step.name, phase, status, attempts, ...more };
}

/** @internal */
export function attemptsOf(drive: Drive, seq: number, phase: 'do' | 'undo'): number {
  return recordOf(drive.row.steps, seq, phase)?.attempts ?? 0;
}

/** @internal */
export function contextOf(drive: Drive, seq: number, phase: 'do' | 'undo', attempt: number): StepContext {
  const { id, input, steps } = drive.row;
  const given = recordOf(steps, seq, 'do');
  return {
    sagaId: id,
    // Copies: a step that changes what it was given must not change what the next one gets.
    input: copyJson(input),
    results: copyJson(resultsOf(steps)),
    ...(phase === 'undo' && given?.result !== undefined && { result: copyJson(given.result) }),
    idempotencyKey: phase === 'undo' ? `${id}:${seq}:undo` : `${id}:${seq}`,
    attempt,
  };
}

/** @internal */
export function resultsOf(steps: readonly StepRecord[]): Record<string, unknown> {
  // Only what a step has done has a result.
  const done = steps.filter(({ result }) => result !== undefined);
  return Object.fromEntries(done.map(({ name, result }) => [name, result]));
}

/** @internal */
export function withStep(steps: readonly StepRecord[], step: StepRecord): readonly StepRecord[] {
  return [...steps.filter(({ seq, phase }) => seq !== step.seq || phase !== step.phase), step];
}

/** @internal */
export function isSettled(status: SagaStatus): status is Exclude<SagaStatus, 'running' | 'compensating'> {
  return status !== 'running' && status !== 'compensating';
}

/** @internal */
export function publishStep(
  drive: Drive,
  step: SagaStep,
  phase: 'do' | 'undo',
  outcome: 'done' | 'failed' | 'unknown',
  startedAt: number,
): void {
  publishSagaStep(() => ({
    name: drive.saga.name,
    step: step.name,
    phase,
    outcome,
    durationMs: performance.now() - startedAt,
  }));
}

/** @internal */
export function publishSettled({ saga, row, settled }: Drive): void {
  if (settled === undefined || !isSettled(settled.outcome)) return;
  const { outcome, step } = settled;
  publishSagaSettled(() => ({
    name: saga.name,
    outcome,
    durationMs: row.ageMs + performance.now() - row.readAt,
  }));
  if (outcome === 'stuck') publishSagaStuck(() => ({ name: saga.name, id: row.id, step: step?.name ?? '' }));
}

function progressOf({ status, nextStep, steps }: SagaRow): unknown[] {
  return [
    status,
    nextStep,
    steps.map(({ seq, phase, status, attempts }) => `${seq}${phase}${status}${attempts}`).toSorted(),
  ];
}
