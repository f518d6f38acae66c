import { channel } from 'node:diagnostics_channel';
import type { HealthStatus } from './check.js';

/** Payload of `kit:health:checked`: one observation of one check. */
export interface CheckedEvent {
  readonly name: string;
  readonly status: HealthStatus;
  readonly durationMs: number;
}

/** Payload of `kit:health:readiness-changed`: `name` is the `name` of `createHealth`. */
export interface ReadinessChangedEvent {
  readonly name: string;
  readonly ready: boolean;
}

/** Names of the diagnostics channels this package publishes on. */
export const healthChannels = Object.freeze({
  checked: 'kit:health:checked',
  readinessChanged: 'kit:health:readiness-changed',
} as const);

const checked = channel(healthChannels.checked);
const readinessChanged = channel(healthChannels.readinessChanged);

/** @internal */
export function publishChecked(name: string, status: HealthStatus, durationMs: number): void {
  if (checked.hasSubscribers)
    checked.publish(Object.freeze({ name, status, durationMs } satisfies CheckedEvent));
}

/** @internal */
export function publishReadiness(name: string, ready: boolean): void {
  if (readinessChanged.hasSubscribers)
    readinessChanged.publish(Object.freeze({ name, ready } satisfies ReadinessChangedEvent));
}
