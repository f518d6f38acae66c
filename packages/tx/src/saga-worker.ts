import type { TransactionManager } from './manager.js';
import type { SagaDefinition } from './saga-definition.js';
import { type Drive, type DriveOptions, save, publishSettled } from './saga-drive.js';
import { holdLease } from './saga-lease.js';
import { nextMove } from './saga-plan.js';
import { callIntended, doStep, reconcileStep, undoStep } from './saga-steps.js';
import type { SagaRow, SagaStore } from './saga-store.js';

/**
 * Drives a claimed saga, step by step, until it settles or parks.
 *
 * @internal
 * @returns the saga as this instance left it; another one may have gone on since.
 * @throws LeaseLostError (`KIT_TX_LEASE_LOST`) when another instance has taken it over.
 */
export async function driveSaga(
  tm: TransactionManager,
  store: SagaStore,
  saga: SagaDefinition,
  claimed: SagaRow,
  options: DriveOptions,
): Promise<SagaRow> {
  const lease = holdLease(store, claimed, options.leaseMs);
  const drive: Drive = {
    tm, store, options, saga, lease, row: claimed, intended: undefined, released: false, settled: undefined,
  }; // prettier-ignore
  try {
    while (!drive.released) {
      if (drive.intended !== undefined) await callIntended(drive, drive.intended);
      else if (options.closing()) await save(drive, { dueInMs: 0 });
      else await moveOn(drive);
    }
    return drive.row;
  } finally {
    publishSettled(drive);
    lease.end();
  }
}

function moveOn(drive: Drive): Promise<void> {
  const move = nextMove(drive.saga, drive.row);
  if (move.kind === 'settle') return save(drive, { status: move.status });
  if (move.kind === 'undo') return undoStep(drive, move.seq);
  return move.kind === 'reconcile' ? reconcileStep(drive, move.seq) : doStep(drive, move.seq);
}
