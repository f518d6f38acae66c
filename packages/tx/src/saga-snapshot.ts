import { SagaVersionError } from './errors.js';
import { errorInfo } from './saga-call.js';
import type { SagaDefinition } from './saga-definition.js';
import { isSettled, resultsOf } from './saga-drive.js';
import type { SagaErrorInfo, SagaStatus, StepStatus } from './saga-plan.js';
import type { SagaRow } from './saga-store.js';

/** What the database knows of a saga. */
export interface SagaSnapshot {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly status: SagaStatus;
  /** The validated input. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as wide as what the schema allows
  readonly input: any;
  /** What the done steps returned, by step name. */
  // oxlint-disable-next-line typescript/no-explicit-any -- steps of one saga return different things
  readonly results: Record<string, any>;
  /** Why it turned around, waits, or is stuck. */
  readonly error?: SagaErrorInfo;
  /** In order of `seq`, which counts from 0. */
  readonly steps: readonly SagaStepSnapshot[];
}

/** One row of `kit_saga_step`. */
export interface SagaStepSnapshot {
  readonly seq: number;
  readonly name: string;
  readonly phase: 'do' | 'undo';
  readonly status: StepStatus;
  /** Times the step was tried. */
  readonly attempts: number;
}

/** @internal */
export function toSnapshot(row: SagaRow, definitions: readonly SagaDefinition[]): SagaSnapshot {
  const { id, name, version, status, input } = row;
  const error = foreignTo(row, definitions) ?? row.error;
  return {
    id,
    name,
    version,
    status,
    input,
    results: resultsOf(row.steps),
    ...(error && { error }),
    steps: row.steps
      .map(({ seq, name, phase, status, attempts }) => ({ seq, name, phase, status, attempts }))
      .toSorted((a, b) => a.seq - b.seq || (a.phase < b.phase ? -1 : 1)),
  };
}

/** An open saga that no definition of this runner fits: nobody here will touch it. */
function foreignTo({ name, version, status, id }: SagaRow, definitions: readonly SagaDefinition[]) {
  if (isSettled(status)) return undefined;
  const namesakes = definitions.filter((saga) => saga.name === name);
  if (namesakes.some((saga) => saga.version === version)) return undefined;
  const known =
    namesakes.length === 0
      ? 'and this runner has no saga of that name'
      : `and this runner has version ${namesakes.map((saga) => saga.version).join(', ')}`;
  return errorInfo(
    new SagaVersionError(
      `Saga "${name}" ${id} was started under version ${version} ${known}; run that version until it has settled, or resolve it`,
    ),
  );
}
