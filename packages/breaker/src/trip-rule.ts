import type { BreakerConfig } from './breaker-options.js';
import type { BreakerEvidence } from './breaker-types.js';
import type { StateChangeReason } from './channels.js';
import { reportThrow } from './report.js';
import { Field, type SlidingWindow } from './window.js';

/** False when there is nothing to look at: no failure, nothing slow, no rule of the user's. */
export function mayTrip(config: BreakerConfig, window: SlidingWindow): boolean {
  return window.read(Field.failures) > 0 || window.read(Field.slow) > 0 || config.readyToTrip !== undefined;
}

/** Why the breaker has to open, or undefined (gobreaker v2's ratio, resilience4j's slow calls). */
export function tripReason(config: BreakerConfig, window: SlidingWindow): StateChangeReason | undefined {
  const { readyToTrip, minimumCalls, failureRatio, slowCallRatio } = config;
  if (readyToTrip !== undefined) return saysTrip(config, window) ? 'ready-to-trip' : undefined;
  const calls = window.read(Field.requests) - window.read(Field.ignored);
  if (calls < minimumCalls) return undefined;
  if (window.read(Field.failures) / calls >= failureRatio) return 'failure-ratio';
  return window.read(Field.slow) / calls >= slowCallRatio ? 'slow-call-ratio' : undefined;
}

export const NO_EVIDENCE: BreakerEvidence = Object.freeze({ calls: 0, failing: false, minimumCalls: 0 });

/** The rule without its minimum, for a vote among instances of which each sees few calls. */
export function evidenceOf(config: BreakerConfig, window: SlidingWindow): BreakerEvidence {
  const { minimumCalls, failureRatio, slowCallRatio, readyToTrip } = config;
  const failures = window.read(Field.failures);
  const calls = failures + window.read(Field.successes);
  const failing =
    readyToTrip === undefined
      ? failures / calls >= failureRatio || window.read(Field.slow) / calls >= slowCallRatio
      : saysTrip(config, window);
  return { calls, failing: calls > 0 && failing, minimumCalls };
}

function saysTrip(config: BreakerConfig, window: SlidingWindow): boolean {
  try {
    return config.readyToTrip!(window.counts());
  } catch (error) {
    reportThrow(config, 'readyToTrip', error);
    return false;
  }
}
