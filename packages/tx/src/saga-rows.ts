import { performance } from 'node:perf_hooks';
import { fromJsonText } from './json-value.js';
import type { SagaErrorInfo, SagaProgress, SagaStatus, StepRecord } from './saga-plan.js';

/** A row of `kit_saga` with its steps. */
export interface SagaRow extends SagaProgress {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly fence: number;
  readonly input: unknown;
  readonly inputHash: string;
  readonly error: SagaErrorInfo | undefined;
  /** How often in a row it was parked: what the backoff grows with. */
  readonly retries: number;
  readonly owner: string | undefined;
  /** Milliseconds until anybody may claim it, by the database's clock; absent when it is settled. */
  readonly dueInMs: number | undefined;
  readonly trace: unknown;
  /** Milliseconds since it was started, when it was read. */
  readonly ageMs: number;
  /** When it was read, by `performance.now()`. */
  readonly readAt: number;
  /** Its input or a result is no JSON: `error` says so, and nobody can run it. */
  readonly unreadable: boolean;
}

/** @internal */
export type RawRow = Record<string, unknown>;

/** @internal */
export function toSaga(row: RawRow, steps: readonly RawRow[]): SagaRow {
  try {
    return readSaga(row, steps);
  } catch (error) {
    // One damaged row must not hide the others, or keep them from going on.
    const bare = readSaga({ ...row, input: null, error: null, trace: null }, steps.map(withoutJson));
    return {
      ...bare,
      unreadable: true,
      error: { name: 'SyntaxError', message: unreadableMessage(row, error) },
    };
  }
}

function unreadableMessage({ name, id }: RawRow, error: unknown): string {
  return `Saga "${String(name)}" ${String(id)} cannot be read, resolve it by hand: ${(error as Error).message}`;
}

const withoutJson = (step: RawRow): RawRow => ({ ...step, result: null, error: null });

function readSaga(row: RawRow, steps: readonly RawRow[]): SagaRow {
  return {
    id: String(row.id),
    name: String(row.name),
    version: Number(row.version),
    status: row.status as SagaStatus,
    nextStep: Number(row.next_step),
    fence: Number(row.fence),
    input: fromJsonText(row.input),
    inputHash: String(row.input_hash),
    error: fromJsonText(row.error) as SagaErrorInfo | undefined,
    retries: Number(row.retries),
    owner: (row.owner as string | null) ?? undefined,
    dueInMs: row.due_in_ms === null ? undefined : Number(row.due_in_ms),
    trace: fromJsonText(row.trace),
    ageMs: Number(row.age_ms),
    readAt: performance.now(),
    unreadable: false,
    steps: steps.map(toStep),
  };
}

function toStep(row: RawRow): StepRecord {
  return {
    seq: Number(row.seq),
    name: String(row.name),
    phase: row.phase as 'do' | 'undo',
    status: row.status as StepRecord['status'],
    attempts: Number(row.attempts),
    result: fromJsonText(row.result),
    error: fromJsonText(row.error) as SagaErrorInfo | undefined,
  };
}
