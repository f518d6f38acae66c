import { processWide } from './process-wide.js';

const measuring = processWide('measuring', () => new WeakMap<object, Set<() => void>>());

/** Has `metrics.close()` end this too. Gives `stop`, which works once. */
export function untilClosed(metrics: object, end: () => void): () => void {
  const ends = measuring.get(metrics) ?? new Set();
  measuring.set(metrics, ends);
  const stop = () => {
    if (ends.delete(stop)) end();
  };
  ends.add(stop);
  return stop;
}

/** Ends all that `observeKit` and the `instrument…` functions began for these metrics. */
export function endWhatMeasures(metrics: object): void {
  for (const stop of measuring.get(metrics) ?? []) stop();
}
