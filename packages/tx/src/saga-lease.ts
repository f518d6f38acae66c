import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { LeaseLostError } from './errors.js';
import { isDatabaseOutage } from './saga-call.js';
import type { SagaChange, SagaRow, SagaStore } from './saga-store.js';
import type { StepRecord } from './saga-plan.js';

/** @internal */
export interface SagaLease {
  /** Aborted when another instance has the saga. */
  readonly lost: AbortSignal;
  /** Throws unless the saga is certainly still ours: after a pause of the process it asks the database. */
  assertHeld(): Promise<void>;
  /** A fenced write that outlasts a restart of the database. */
  advance(change: SagaChange, steps: readonly StepRecord[]): Promise<void>;
  /** The same inside the caller's transaction, tried once. */
  advanceInside(change: SagaChange, steps: readonly StepRecord[]): Promise<void>;
  end(): void;
}

/**
 * Holds a claimed saga: renews its lease three times per `leaseMs` until `end()`.
 *
 * @internal
 */
export function holdLease(store: SagaStore, saga: SagaRow, leaseMs: number): SagaLease {
  const abandoned = new AbortController();
  let renewedAt = performance.now();

  const lose = (): never => {
    const error = new LeaseLostError(
      `Saga "${saga.name}" ${saga.id} was taken over by another instance; what this one still did is not recorded`,
    );
    abandoned.abort(error);
    throw error;
  };
  const renew = async () => {
    const askedAt = performance.now();
    if (!(await store.renew(saga))) lose();
    renewedAt = askedAt;
  };
  let renewing = false;
  const heartbeat = setInterval(() => {
    // One at a time: a database that hangs must not collect them.
    if (renewing) return;
    renewing = true;
    // An outage decides nothing: the fence does, at the next write.
    renew()
      .catch(() => {})
      .finally(() => (renewing = false));
  }, leaseMs / 3);
  heartbeat.unref();

  return {
    lost: abandoned.signal,
    end: () => clearInterval(heartbeat),
    async assertHeld() {
      abandoned.signal.throwIfAborted();
      if (performance.now() - renewedAt > leaseMs) await renew();
    },
    async advance(change, steps) {
      const askedAt = performance.now();
      const held = await throughOutages(leaseMs, () => store.advance(saga, change, steps));
      if (!held) lose();
      renewedAt = askedAt;
    },
    async advanceInside(change, steps) {
      if (!(await store.advanceInside(saga, change, steps))) lose();
    },
  };
}

/**
 * Repeats a fenced write while the database is away. The write may repeat: it sets, it does not count.
 *
 * @internal
 */
export async function throughOutages<T>(patienceMs: number, write: () => Promise<T>): Promise<T> {
  const until = performance.now() + patienceMs;
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
    try {
      return await write();
    } catch (error) {
      if (!isDatabaseOutage(error) || performance.now() + pauseMs > until) throw error;
      await delay(pauseMs, undefined, { ref: false });
    }
  }
}
