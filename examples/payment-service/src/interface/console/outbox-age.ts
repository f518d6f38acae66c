import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/**
 * The age of the oldest waiting message, as the relay says it each round. It counts only for somebody who listens, so we
 * listen only while somebody looks.
 */
export function createOutboxAge() {
  let oldestMs: number | undefined;
  let isListening = false;
  const onBacklog = (message: unknown) => {
    ({ oldestMs } = message as { oldestMs: number });
  };
  return {
    get oldestMs() {
      return oldestMs;
    },
    listen() {
      if (isListening) return;
      isListening = true;
      subscribe('kit:tx:outbox-backlog', onBacklog);
    },
    ignore() {
      isListening = false;
      oldestMs = undefined;
      unsubscribe('kit:tx:outbox-backlog', onBacklog);
    },
  };
}
