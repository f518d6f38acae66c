import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { checkText } from './check-text.js';
import { openSession } from './database-session.js';
import { IdempotencyMismatchError, SagaInputError, TransactionClosedError } from './errors.js';
import { hashOf, toJsonText } from './json-value.js';
import type { TransactionManager } from './manager.js';
import type { SagaDefinition } from './saga-definition.js';
import { isSettled } from './saga-drive.js';
import { checkObject, show } from './options.js';
import { checkCount, checkRunnerOptions, type SagaRunnerOptions } from './saga-options.js';
import { type SagaStatus, sagaStatuses } from './saga-plan.js';
import { createSagaPoll } from './saga-poll.js';
import { resolveSaga, type SagaResolution } from './saga-resolve.js';
import { type SagaSnapshot, toSnapshot } from './saga-snapshot.js';
import { createSagaStore, type NewSaga, type SagaRow } from './saga-store.js';
import { driveSaga } from './saga-worker.js';
import { currentTraceText, runWithStoredTrace } from './trace-port.js';

/** Starts sagas, and resumes those of instances that are gone. */
export interface SagaRunner {
  /** The manager's name with `-sagas`; with `backlog()` it is what a health check needs. */
  readonly name: string;
  /**
   * Runs a saga here and now, outside any transaction. A key that was used before gives the earlier saga.
   *
   * @returns the saga once it has settled, or parked until its next attempt.
   * @throws SagaInputError (`KIT_TX_SAGA_INPUT`) when the input does not fit the schema; nothing is stored.
   * @throws IdempotencyMismatchError (`KIT_TX_IDEMPOTENCY_MISMATCH`) for a `dedupeKey` that came with another input.
   * @throws LeaseLostError (`KIT_TX_LEASE_LOST`) when this process stood still and another instance took over.
   * @throws PropagationError (`KIT_TX_PROPAGATION`) inside a transaction.
   */
  start<Input>(
    saga: SagaDefinition<Input>,
    input: NoInfer<Input>,
    options?: { dedupeKey?: string | undefined },
  ): Promise<SagaSnapshot>;
  get(id: string): Promise<SagaSnapshot | undefined>;
  /** The newest first, at most `limit`. @default limit 1000 */
  list(options?: { status?: SagaStatus | undefined; limit?: number | undefined }): Promise<SagaSnapshot[]>;
  /**
   * An operator's word: `retry` tries again with a fresh budget, `compensated` and `completed` settle it by hand.
   *
   * @throws RangeError for an id that does not exist or a saga that has settled otherwise than `stuck`.
   */
  resolve(id: string, options: SagaResolution): Promise<void>;
  /** Sagas that have not ended: `running`, `compensating`, and `stuck`, which wait for an operator. */
  backlog(): Promise<number>;
  /** Claims nothing any more, finishes the steps that run, and gives their sagas to the other instances. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Makes a runner; it polls at once for sagas whose instance is gone, and then every `pollMs`.
 *
 * @throws TypeError, RangeError on wrong options, by name.
 * @example
 * declare const tm: TransactionManager;
 * declare const createPayment: SagaDefinition<{ amount: number }>;
 * const sagas = createSagaRunner(tm, { sagas: [createPayment] });
 * const { status } = await sagas.start(createPayment, { amount: 100 }, { dedupeKey: 'order-7' });
 */
export function createSagaRunner(tm: TransactionManager, options: SagaRunnerOptions): SagaRunner {
  const settings = checkRunnerOptions(options);
  const { sagas, leaseMs } = settings;
  const store = createSagaStore(openSession(tm), randomUUID(), leaseMs);
  const running = new Set<Promise<unknown>>();
  let closed = false;

  const drive = (saga: SagaDefinition, row: SagaRow): Promise<SagaRow> => {
    const driven = driveSaga(tm, store, saga, row, {
      ...settings,
      closing: () => closed,
      onParked: (id, delayMs) => poll.expect(id, delayMs),
    });
    running.add(driven);
    const forget = () => running.delete(driven);
    driven.then(forget, forget);
    return driven;
  };
  const poll = createSagaPoll(store, settings, async (row) => {
    // Its lease keeps everybody from it for a while; then somebody looks again.
    if (row.unreadable) throw new SyntaxError(row.error?.message);
    await runWithStoredTrace(row.trace, () => drive(definitionOf(row), row));
  });
  const definitionOf = ({ name, version }: { name: string; version: number }): SagaDefinition =>
    sagas.find((saga) => saga.name === name && saga.version === version)!;
  const snapshotOf = async (id: string) => {
    const row = await store.find(id);
    return row && toSnapshot(row, sagas);
  };

  const close = async () => {
    closed = true;
    await poll.close();
    await Promise.allSettled(running);
  };

  return {
    name: `${tm.name}-sagas`,
    async start(saga, input, startOptions = {}) {
      checkObject(saga, 'saga');
      checkObject(startOptions);
      const { dedupeKey } = startOptions;
      if (closed) throw new TransactionClosedError('The saga runner is closed; start sagas before close()');
      const known = definitionOf(saga);
      if (!known) {
        throw new RangeError(
          `sagas must contain what is started, got ${show(saga.name)} version ${show(saga.version)}`,
        );
      }
      if (dedupeKey !== undefined) checkText('dedupeKey', dedupeKey, 255);
      tm.assertNoTransaction();
      const valid = await validate(saga, input);
      const inputHash = hashOf(valid, `the input of saga "${saga.name}"`);
      const mine = randomUUID();
      const fresh: NewSaga = {
        id: mine,
        name: saga.name,
        version: saga.version,
        input: toJsonText(valid, `the input of saga "${saga.name}"`),
        inputHash,
        dedupeKey,
        dedupeHash: dedupeKey === undefined ? null : sha256(JSON.stringify([saga.name, dedupeKey])),
        trace: currentTraceText(),
      };
      const id = await store.insert(fresh);
      if (id === mine) {
        poll.watch(id);
        const left = await drive(known, store.inserted(fresh));
        if (isSettled(left.status)) return toSnapshot(left, sagas);
        // Somebody may have resumed it since: as it ended, or as it was parked, but never in the middle of a step.
        const now = (await store.find(id))!;
        return toSnapshot(isSettled(now.status) ? now : left, sagas);
      }
      const row = (await store.find(id))!;
      if (row.inputHash !== inputHash) {
        throw new IdempotencyMismatchError(
          `Saga "${saga.name}" was started with dedupeKey ${JSON.stringify(dedupeKey)} and another input; use a new key`,
        );
      }
      return toSnapshot(await settledOrParked(row), sagas);
    },
    async get(id) {
      checkId(id);
      return snapshotOf(id);
    },
    async list(listOptions = {}) {
      checkObject(listOptions);
      const { status, limit = 1_000 } = listOptions;
      if (status !== undefined && !sagaStatuses.includes(status))
        throw new RangeError(`status must be one of ${sagaStatuses.join(', ')}, got ${show(status)}`);
      checkCount('limit', limit);
      return (await store.list(status, limit)).map((row) => toSnapshot(row, sagas));
    },
    async resolve(id, resolution) {
      checkId(id);
      checkObject(resolution, 'resolution');
      await resolveSaga(store, id, resolution);
      poll.expect(id, 0);
    },
    backlog: () => store.countUnsettled(),
    close,
    [Symbol.asyncDispose]: close,
  };

  /** Somebody else has started it, here or on another instance. */
  async function settledOrParked(first: SagaRow): Promise<SagaRow> {
    let row = first;
    while (!isSettled(row.status) && row.owner !== undefined && (row.dueInMs ?? 0) > 0) {
      if (closed) break;
      await delay(Math.min(settings.pollMs, 100));
      row = (await store.find(row.id))!;
    }
    return row;
  }
}

async function validate(saga: SagaDefinition, input: unknown): Promise<unknown> {
  const result = await saga.input['~standard'].validate(input);
  if (!result.issues) return result.value;
  const reasons = result.issues.slice(0, 5).map(({ message, path }) => {
    const at = path?.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
    return at ? `${at}: ${message}` : message;
  });
  throw new SagaInputError(
    `The input of saga "${saga.name}" does not fit its schema: ${reasons.join('; ')}`,
    {
      issues: result.issues,
    },
  );
}

function checkId(id: unknown): void {
  if (typeof id !== 'string') throw new TypeError(`id must be a string, got ${show(id)}`);
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
