import { type HealthStatus, isWorse } from './check.js';

/** How many results in a row it takes to change a status. */
export interface Thresholds {
  /** Worse results in a row before the status worsens, >= 1. @default 1 */
  failures?: number;
  /** Better results in a row before the status improves, >= 1. @default 1 */
  successes?: number;
}

/** Steadies a flapping check: the first result counts at once, a later change only after so many in a row. @internal */
export function createStatusLatch(
  thresholds: Required<Thresholds>,
): (observed: HealthStatus) => HealthStatus {
  let settled: HealthStatus | undefined;
  let worse = 0;
  let better = 0;
  return (observed) => {
    if (settled === undefined || observed === settled) {
      worse = 0;
      better = 0;
      settled = observed;
      return settled;
    }
    if (isWorse(observed, settled)) {
      worse += 1;
      better = 0;
    } else {
      better += 1;
      worse = 0;
    }
    if (worse >= thresholds.failures || better >= thresholds.successes) {
      settled = observed;
      worse = 0;
      better = 0;
    }
    return settled;
  };
}
