import { channel } from 'node:diagnostics_channel';
import type { RejectionReason } from './errors.js';

/** What a breaker lets through: everything, nothing, or a few trials. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** The calls of the current window. */
export interface BreakerCounts {
  /** Calls that were let through, the ones still running included. */
  readonly requests: number;
  readonly successes: number;
  readonly failures: number;
  /** Neutral outcomes. */
  readonly ignored: number;
  /** Calls that took `slowCallMs` or longer. */
  readonly slow: number;
}

/** What made a breaker change its state. */
export type StateChangeReason =
  | 'created'
  | 'failure-ratio'
  | 'slow-call-ratio'
  | 'ready-to-trip'
  | 'quorum'
  | 'open-elapsed'
  | 'trials-succeeded'
  | 'trial-failed'
  | 'isolated'
  | 'reset';

/** Payload of `kit:breaker:state-changed`; `from` is null once, at creation. */
export interface StateChangedEvent {
  readonly name: string;
  readonly from: BreakerState | null;
  readonly to: BreakerState;
  readonly reason: StateChangeReason;
  /** The window that led to the change. */
  readonly counts: BreakerCounts;
}

/** Payload of `kit:breaker:call`; `state` is the one that let the call through. */
export interface CallEvent {
  readonly name: string;
  readonly state: BreakerState;
  readonly outcome: 'success' | 'failure' | 'ignored' | 'timeout';
  readonly durationMs: number;
}

/** Payload of `kit:breaker:rejected`. */
export interface RejectedEvent {
  readonly name: string;
  readonly reason: RejectionReason;
}

/** Payload of `kit:breaker:retried`; `attempt` is the number of the attempt to come, 2 for the first retry. */
export interface RetriedEvent {
  readonly name: string;
  readonly attempt: number;
  readonly delayMs: number;
}

/** Payload of `kit:breaker:stale`. */
export interface StaleEvent {
  readonly name: string;
}

/** Names of the `node:diagnostics_channel` channels this package publishes to. */
export const breakerChannels = Object.freeze({
  stateChanged: 'kit:breaker:state-changed',
  call: 'kit:breaker:call',
  rejected: 'kit:breaker:rejected',
  retried: 'kit:breaker:retried',
  stale: 'kit:breaker:stale',
} as const);

export const stateChangedChannel = channel(breakerChannels.stateChanged);
export const callChannel = channel(breakerChannels.call);
export const rejectedChannel = channel(breakerChannels.rejected);
export const retriedChannel = channel(breakerChannels.retried);
export const staleChannel = channel(breakerChannels.stale);
