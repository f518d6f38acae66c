/** How well a dependency does; the worst critical one decides for the whole. */
export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy';

/** What a check is given: a signal that aborts at its timeout, and the clock of its `Health`. */
export interface CheckContext {
  signal: AbortSignal;
  now: () => number;
}

/** What a check answers. `metadata` is copied, masked and bounded before anybody sees it. */
export interface CheckResult {
  status: HealthStatus;
  message?: string;
  metadata?: Record<string, unknown>;
}

/**
 * One question to one dependency.
 *
 * @example
 * ```ts
 * import { type Check } from '@kit/health';
 *
 * const queue = { size: async () => 3 };
 * export const queueCheck: Check = {
 *   name: 'queue',
 *   check: async () => ({ status: (await queue.size()) > 1_000 ? 'degraded' : 'healthy' }),
 * };
 * ```
 */
export interface Check {
  /** Unique in its `Health`; shown to every caller, so without host names. */
  name: string;
  check(ctx: CheckContext): Promise<CheckResult> | CheckResult;
  /** Milliseconds; stands where neither `add` nor a shorter rule says otherwise. @default the `timeoutMs` of `createHealth` */
  timeoutMs?: number;
  /** True for a check that asks another service's health: left out when the caller is itself such a check. */
  remote?: boolean;
  /** Ends the listeners and monitors the check owns; called by `health.close()`. */
  close?(): void;
}

const severity: Record<HealthStatus, number> = { healthy: 0, degraded: 1, unhealthy: 2 };

/** @internal */
export const isWorse = (status: HealthStatus, than: HealthStatus): boolean =>
  severity[status] > severity[than];

/** @internal */
export const isHealthStatus = (value: unknown): value is HealthStatus =>
  typeof value === 'string' && Object.hasOwn(severity, value);
