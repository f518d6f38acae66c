import { channel } from 'node:diagnostics_channel';
import { TX_CHANNELS } from './channels.js';

/** The payload of `kit:tx:saga-step`; `name` is the saga's. */
export interface SagaStepEvent {
  readonly name: string;
  readonly step: string;
  readonly phase: 'do' | 'undo';
  readonly outcome: 'done' | 'failed' | 'unknown';
  readonly durationMs: number;
}

/** The payload of `kit:tx:saga-settled`; the duration counts from `start`, restarts included. */
export interface SagaSettledEvent {
  readonly name: string;
  readonly outcome: 'completed' | 'compensated' | 'failed' | 'stuck';
  readonly durationMs: number;
}

/** The payload of `kit:tx:saga-stuck`: an operator has to decide. */
export interface SagaStuckEvent {
  readonly name: string;
  readonly id: string;
  readonly step: string;
}

const step = channel(TX_CHANNELS.sagaStep);
const settled = channel(TX_CHANNELS.sagaSettled);
const stuck = channel(TX_CHANNELS.sagaStuck);

/** @internal */
export function publishSagaStep(build: () => SagaStepEvent): void {
  if (step.hasSubscribers) step.publish(Object.freeze(build()));
}

/** @internal */
export function publishSagaSettled(build: () => SagaSettledEvent): void {
  if (settled.hasSubscribers) settled.publish(Object.freeze(build()));
}

/** @internal */
export function publishSagaStuck(build: () => SagaStuckEvent): void {
  if (stuck.hasSubscribers) stuck.publish(Object.freeze(build()));
}
