import type { Breaker } from './breaker-types.js';
import type { BreakerRegistry } from './registry.js';
import { TIMER_MS, checkName, checkNumber, checkObject, complaint } from './validate.js';

/** What one instance says of one breaker: the calls of its window, and whether they are reason to open. @internal */
export interface Ballot {
  readonly calls: number;
  readonly failing: boolean;
}

/** What one instance says, by breaker name. @internal */
export type InstanceReport = Readonly<Record<string, Ballot>>;

/** @internal */
export interface BallotBox {
  /** What this instance says. */
  report(): InstanceReport;
  /** Opens what a quorum of the reports, this instance's own included, sees failing. */
  decide(reports: readonly InstanceReport[]): void;
}

/** @internal */
export function createBallotBox(breakers: BreakerRegistry | readonly Breaker[], quorum: number): BallotBox {
  return {
    report() {
      // Without a prototype a breaker may be called `__proto__`.
      const report = Object.create(null) as Record<string, Ballot>;
      for (const breaker of breakers) {
        const { calls, failing } = breaker.evidence;
        if (calls > 0) report[breaker.name] = { calls, failing };
      }
      return report;
    },
    decide(reports) {
      // One instance alone is never a quorum: it has its own window.
      const needed = Math.max(2, Math.min(reports.length, Math.floor(reports.length * quorum) + 1));
      for (const breaker of breakers) {
        const ballots = reports.map((report) => report[breaker.name]).filter(isBallot);
        const failing = ballots.filter((ballot) => ballot.failing);
        const calls = failing.reduce((sum, ballot) => sum + ballot.calls, 0);
        if (failing.length >= needed && calls >= breaker.evidence.minimumCalls) breaker.trip();
      }
    },
  };
}

/** @internal */
export function checkShareOptions(options: {
  redis: unknown;
  breakers: unknown;
  quorum?: number | undefined;
  intervalMs?: number | undefined;
  ttlMs?: number | undefined;
  instanceId?: string | undefined;
  keyPrefix?: string | undefined;
}) {
  const { redis, breakers } = checkObject('options', options);
  if (typeof redis !== 'object' || redis === null || !('eval' in redis && 'hdel' in redis))
    throw new TypeError(complaint('redis', 'an ioredis client', redis));
  if (typeof breakers !== 'object' || breakers === null || !(Symbol.iterator in breakers))
    throw new TypeError(complaint('breakers', 'a registry or a list of breakers', breakers));
  if (Array.isArray(breakers))
    for (const [at, breaker] of breakers.entries()) checkBreaker(`breakers[${at}]`, breaker);
  if (options.instanceId !== undefined) checkName(options.instanceId, 'instanceId');
  const intervalMs = checkNumber('intervalMs', options.intervalMs ?? 1_000, TIMER_MS);
  return {
    quorum: checkNumber('quorum', options.quorum ?? 0.5, { above: 0, atMost: 1 }),
    intervalMs,
    ttlMs: Math.ceil(checkNumber('ttlMs', options.ttlMs ?? 5 * intervalMs, { atLeast: intervalMs })),
    keyPrefix: checkName(options.keyPrefix ?? 'kit:breaker', 'keyPrefix'),
  };
}

function checkBreaker(option: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || !('evidence' in value && 'trip' in value))
    throw new TypeError(complaint(option, 'a breaker', value));
}

// What comes out of Redis was written by another process, perhaps by another version.
function isBallot(value: unknown): value is Ballot {
  return (
    typeof value === 'object' &&
    value !== null &&
    'calls' in value &&
    Number.isInteger(value.calls) &&
    (value.calls as number) > 0 &&
    'failing' in value &&
    typeof value.failing === 'boolean'
  );
}
