import { channel } from 'node:diagnostics_channel';
import { TX_CHANNELS } from './channels.js';

/** The payload of `kit:tx:outbox-published`: one batch, one topic; `name` is the manager's. */
export interface OutboxPublishedEvent {
  readonly name: string;
  readonly topic: string;
  readonly count: number;
  readonly durationMs: number;
}

/** The payload of `kit:tx:outbox-backlog`; `oldestMs` is the age of the oldest message, 0 without one. */
export interface OutboxBacklogEvent {
  readonly name: string;
  readonly size: number;
  readonly oldestMs: number;
}

const published = channel(TX_CHANNELS.outboxPublished);
const backlog = channel(TX_CHANNELS.outboxBacklog);

/** @internal */
export function publishOutboxPublished(build: () => OutboxPublishedEvent): void {
  if (published.hasSubscribers) published.publish(Object.freeze(build()));
}

/** @internal */
export async function publishOutboxBacklog(build: () => Promise<OutboxBacklogEvent>): Promise<void> {
  // Counting costs a query: only for somebody who listens.
  if (backlog.hasSubscribers) backlog.publish(Object.freeze(await build()));
}
