import { type HealthStatus, isWorse } from './check.js';
import type { Outcome } from './check-runner.js';

/** One check in a report; what the endpoints show of it depends on the caller. */
export interface CheckReport {
  readonly name: string;
  readonly status: HealthStatus;
  readonly message?: string;
  /** e.g. `12ms`. */
  readonly duration: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Whether this check may make the whole unhealthy. */
  readonly critical: boolean;
}

/** The state of the whole, as `/health` answers it. */
export interface HealthReport {
  readonly status: HealthStatus;
  /** ISO 8601. */
  readonly timestamp: string;
  /** How long it took to gather, e.g. `45ms`. */
  readonly duration: string;
  readonly checks: readonly CheckReport[];
}

/** @internal */
export function checkReport(name: string, critical: boolean, outcome: Outcome): CheckReport {
  return Object.freeze({
    name,
    status: outcome.status,
    ...(outcome.message === undefined ? {} : { message: outcome.message }),
    duration: milliseconds(outcome.durationMs),
    ...(outcome.metadata === undefined ? {} : { metadata: outcome.metadata }),
    critical,
  });
}

/** @internal */
export function healthReport(
  checks: readonly CheckReport[],
  nowMs: number,
  durationMs: number,
): HealthReport {
  return Object.freeze({
    status: overallStatus(checks),
    timestamp: new Date(nowMs).toISOString(),
    duration: milliseconds(durationMs),
    checks: Object.freeze([...checks]),
  });
}

/** A check that is not critical can degrade the whole, not fail it. */
function overallStatus(checks: readonly CheckReport[]): HealthStatus {
  let worst: HealthStatus = 'healthy';
  for (const { status, critical } of checks) {
    const weighed = status === 'unhealthy' && !critical ? 'degraded' : status;
    if (isWorse(weighed, worst)) worst = weighed;
  }
  return worst;
}

const milliseconds = (value: number) => `${Math.max(0, Math.round(value))}ms`;
