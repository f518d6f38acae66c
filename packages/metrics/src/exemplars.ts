import { currentTraceId, tracePort } from './trace-port.js';

/** The request behind one observation, shown beside its bucket in OpenMetrics. */
export interface Exemplar {
  traceId: string;
  value: number;
  /** Milliseconds since 1970. */
  atMs: number;
}

export interface Exemplars {
  /** Keeps the observation unless its bucket has one that is younger than a second. */
  offer(index: number, value: number, traceId: string | undefined): void;
  /** The same with the trace that runs now. */
  offerCurrent(index: number, value: number): void;
  at(index: number): Exemplar | undefined;
  clear(): void;
}

/** One a bucket a second is what Prometheus can store anyway, and it keeps the cost off busy buckets. */
const HOLD_MS = 1_000;

export function createExemplars(now: () => number): Exemplars {
  const kept = new Map<number, Exemplar>();

  const offer = (index: number, value: number, traceId: string | undefined, atMs: number) => {
    if (traceId === undefined) return;
    const old = kept.get(index);
    if (old === undefined) kept.set(index, { traceId, value, atMs });
    else Object.assign(old, { traceId, value, atMs });
  };

  const isHeld = (index: number, atMs: number) => {
    const old = kept.get(index);
    return old !== undefined && atMs - old.atMs < HOLD_MS && atMs >= old.atMs;
  };

  return {
    offer(index, value, traceId) {
      if (traceId === undefined) return;
      const atMs = now();
      if (!isHeld(index, atMs)) offer(index, value, traceId, atMs);
    },
    offerCurrent(index, value) {
      if (tracePort() === undefined) return;
      const atMs = now();
      if (!isHeld(index, atMs)) offer(index, value, currentTraceId(), atMs);
    },
    at: (index) => kept.get(index),
    clear: () => kept.clear(),
  };
}
