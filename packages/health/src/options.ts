import type { IncomingMessage } from 'node:http';
import type { HealthReport } from './report.js';
import { longestTimerMs, requireDelay, requireFunction, requireNumber, requireText, shown } from './rules.js';
import type { Thresholds } from './status-latch.js';

/** When a service is ready: see the guide on strict against critical-only. */
export type ReadinessPolicy = 'strict' | 'critical-only' | ((report: HealthReport) => boolean);

/** Options of `createHealth`. */
export interface HealthOptions {
  /** Names this object in `kit:health:readiness-changed`. @default 'health' */
  name?: string;
  /** Milliseconds a check may take before it is answered for, > 0. @default 5000 */
  timeoutMs?: number;
  /** Milliseconds a result is shared before a check runs again, >= 0. @default 1000 */
  ttlMs?: number;
  /**
   * `'on-demand'` runs a check when somebody asks and its result is older than `ttlMs`;
   * `{ intervalMs }` runs all in the background, and callers only ever read. @default 'on-demand'
   */
  refresh?: 'on-demand' | { intervalMs: number };
  /** Milliseconds after which a result that was not renewed counts as unhealthy, > 0. @default 30000 */
  staleAfterMs?: number;
  /**
   * `'strict'`: ready while all checks of the group `ready` are healthy; `'critical-only'`: while no critical one is
   * unhealthy; a function decides itself (one that throws means not ready). @default 'strict'
   */
  readiness?: ReadinessPolicy;
  /** Results in a row that change a status. @default { failures: 1, successes: 1 } */
  thresholds?: Thresholds;
  /**
   * Whether a caller sees messages, durations and metadata besides statuses.
   * @default callers on a loopback or private address whose request was not forwarded
   */
  details?: boolean | ((req: IncomingMessage) => boolean);
  /** Where the endpoints live, without a slash at the end. @default '/health' */
  basePath?: string;
  /** Clock in epoch milliseconds. @default Date.now */
  now?: () => number;
}

/** Options of `health.add`. */
export interface AddOptions {
  /** Whether this check can make the whole unhealthy, and the service not ready under `critical-only`. @default true */
  critical?: boolean;
  /** `/health/ready` runs the group `ready`; other groups are for `health.report({ group })`. @default ['ready'] */
  groups?: readonly string[];
  /** Milliseconds, > 0. @default the check's own, else that of `createHealth` */
  timeoutMs?: number;
  /** Milliseconds, >= 0. @default that of `createHealth` */
  ttlMs?: number;
}

/** @internal */
export interface Settings {
  name: string;
  timeoutMs: number;
  ttlMs: number;
  intervalMs: number | undefined;
  staleAfterMs: number;
  readiness: ReadinessPolicy;
  thresholds: Required<Thresholds>;
  details: boolean | ((req: IncomingMessage) => boolean) | undefined;
  basePath: string;
  now: () => number;
}

/** @internal */
export function readOptions(options: HealthOptions): Settings {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`options must be an object, got ${shown(options)}`);
  const { details, readiness = 'strict', now = Date.now, basePath = '/health' } = options;
  if (readiness !== 'strict' && readiness !== 'critical-only' && typeof readiness !== 'function')
    throw new TypeError(`readiness must be 'strict', 'critical-only' or a function, got ${shown(readiness)}`);
  if (details !== undefined && typeof details !== 'boolean') requireFunction('details', details);
  requireFunction('now', now);
  if (typeof basePath !== 'string' || !/^(\/[\w.~-]+)+$/.test(basePath))
    throw new TypeError(`basePath must be a path such as /health, got ${shown(basePath)}`);
  const { failures = 1, successes = 1 } = readThresholds(options.thresholds);
  const intervalMs = readInterval(options.refresh);
  return {
    name: requireText('name', options.name ?? 'health'),
    timeoutMs: requireDelay('timeoutMs', options.timeoutMs ?? 5_000),
    ttlMs: readTtl(options.ttlMs ?? 1_000),
    intervalMs,
    staleAfterMs: readStaleAfter(options.staleAfterMs, intervalMs),
    readiness,
    thresholds: {
      failures: requireNumber('thresholds.failures', failures, { min: 1, integer: true }),
      successes: requireNumber('thresholds.successes', successes, { min: 1, integer: true }),
    },
    details,
    basePath,
    now,
  };
}

/** @internal */
export const readTtl = (value: unknown): number =>
  requireNumber('ttlMs', value, { min: 0, max: longestTimerMs });

/** @internal */
export function readGroups(groups: unknown): readonly string[] {
  if (!Array.isArray(groups)) throw new TypeError(`groups must be an array of strings, got ${shown(groups)}`);
  return groups.map((group) => requireText('groups', group));
}

function readThresholds(thresholds: Thresholds = {}): Thresholds {
  if (typeof thresholds !== 'object' || thresholds === null)
    throw new TypeError(`thresholds must be { failures, successes }, got ${shown(thresholds)}`);
  return thresholds;
}

function readInterval(refresh: HealthOptions['refresh'] = 'on-demand'): number | undefined {
  if (refresh === 'on-demand') return undefined;
  if (typeof refresh !== 'object' || refresh === null)
    throw new TypeError(`refresh must be 'on-demand' or { intervalMs }, got ${shown(refresh)}`);
  return requireDelay('refresh.intervalMs', refresh.intervalMs);
}

function readStaleAfter(staleAfterMs: number | undefined, intervalMs: number | undefined): number {
  // Nobody who asks for a slow interval asks for results that are stale before the next one.
  if (staleAfterMs === undefined) return Math.max(30_000, 3 * (intervalMs ?? 0));
  requireNumber('staleAfterMs', staleAfterMs, { above: 0 });
  if (intervalMs !== undefined && staleAfterMs <= intervalMs)
    throw new RangeError(`staleAfterMs must be > refresh.intervalMs (${intervalMs}), got ${staleAfterMs}`);
  return staleAfterMs;
}
