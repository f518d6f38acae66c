import { channel } from 'node:diagnostics_channel';

/** The payload of `kit:tx:settled`: one transaction, savepoint or read scope has ended. */
export interface TxSettledEvent {
  readonly name: string;
  readonly mode: 'write' | 'read' | 'nested';
  readonly outcome: 'committed' | 'rolled-back' | 'unknown';
  readonly durationMs: number;
  readonly attempts: number;
}

/** The payload of `kit:tx:retried`: attempt number `attempt` (from 1) failed with `code` and is repeated. */
export interface TxRetriedEvent {
  readonly name: string;
  readonly code: string;
  readonly attempt: number;
}

/** The channels of `node:diagnostics_channel` that @kit/tx publishes on. */
export const TX_CHANNELS = {
  settled: 'kit:tx:settled',
  retried: 'kit:tx:retried',
  sagaStep: 'kit:tx:saga-step',
  sagaSettled: 'kit:tx:saga-settled',
  sagaStuck: 'kit:tx:saga-stuck',
  outboxPublished: 'kit:tx:outbox-published',
  outboxBacklog: 'kit:tx:outbox-backlog',
} as const;

const settled = channel(TX_CHANNELS.settled);
const retried = channel(TX_CHANNELS.retried);

export function publishSettled(build: () => TxSettledEvent): void {
  if (settled.hasSubscribers) settled.publish(Object.freeze(build()));
}

export function publishRetried(build: () => TxRetriedEvent): void {
  if (retried.hasSubscribers) retried.publish(Object.freeze(build()));
}
