import type { ReadinessPolicy } from './options.js';
import type { HealthReport } from './report.js';

/** Whether a service with this report of its `ready` checks should get traffic. @internal */
export function isReadyBy(policy: ReadinessPolicy, report: HealthReport): boolean {
  if (policy === 'strict') return report.checks.every(({ status }) => status === 'healthy');
  if (policy === 'critical-only')
    return !report.checks.some(({ critical, status }) => critical && status === 'unhealthy');
  try {
    const answer: unknown = policy(report);
    return answer === true;
  } catch {
    // A policy that cannot decide must not take traffic.
    return false;
  }
}
