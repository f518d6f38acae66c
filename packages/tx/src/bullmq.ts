import type { ConnectionOptions, Queue } from 'bullmq';
import { Queue as BullQueue, Worker } from 'bullmq';
import type { OutboxMessage, SagaDispatch } from './index.js';

/**
 * Makes the `publish` of an outbox relay that adds jobs: name = topic, `data` = the message, `jobId` = the message id,
 * so that a message that is delivered twice is one job while BullMQ still has it.
 *
 * @example
 * import { Queue } from 'bullmq';
 * const queue = new Queue('events', { connection: { host: '127.0.0.1', port: 6379 } });
 * const publish = createBullmqPublisher({ queue });
 */
export function createBullmqPublisher(options: {
  /** The queue of a topic; the caller closes it. */
  queue: Queue | ((topic: string) => Queue);
}): (batch: readonly OutboxMessage[]) => Promise<void> {
  const { queue } = options;
  return async (batch) => {
    const byQueue = Map.groupBy(batch, ({ topic }) => (typeof queue === 'function' ? queue(topic) : queue));
    for (const [target, messages] of byQueue) {
      await target.addBulk(
        messages.map(({ id, topic, key, payload, headers }) => ({
          name: topic,
          data: { id, topic, key, payload, headers },
          opts: { jobId: toJobId(id) },
        })),
      );
    }
  };
}

/** Options of `createBullmqDispatch`. */
export interface BullmqDispatchOptions {
  connection: ConnectionOptions;
  /** Name of the queue. @default 'kit-sagas' */
  queue?: string | undefined;
  /** Sagas that this instance resumes at the same time. @default 10 */
  concurrency?: number | undefined;
  /** How often one instance of all looks into the database for sagas whose message got lost, in milliseconds. @default 30_000 */
  sweepMs?: number | undefined;
  /** Told of errors of the connection. @default nobody */
  onError?: ((error: unknown) => void) | undefined;
}

/**
 * Has BullMQ tell the instances which saga is due, instead of each of them polling the database. The rows stay the
 * truth: a message that Redis loses is found by the sweep.
 *
 * @example
 * const dispatch = createBullmqDispatch({ connection: { host: '127.0.0.1', port: 6379 } });
 */
export function createBullmqDispatch(options: BullmqDispatchOptions): SagaDispatch {
  const { connection, queue: name = 'kit-sagas', concurrency = 10, sweepMs = 30_000, onError } = options;
  const queue = new BullQueue(name, {
    connection,
    defaultJobOptions: {
      removeOnComplete: true,
      removeOnFail: true,
      attempts: 5,
      backoff: { type: 'exponential', delay: 500 },
    },
  });
  const report = (error: unknown) => {
    try {
      onError?.(error);
    } catch {
      // A listener never decides what becomes of a saga.
    }
  };
  queue.on('error', report);
  let worker: Worker | undefined;
  return {
    start({ resume, sweep }) {
      worker = new Worker(
        name,
        async (job) => {
          if (job.name !== 'sweep') return resume(String((job.data as { id: unknown }).id));
          const ids = await sweep();
          await queue.addBulk(ids.map((id) => ({ name: 'saga', data: { id } })));
          return undefined;
        },
        { connection, concurrency },
      );
      worker.on('error', report);
      // One schedule for the whole queue, however many instances ask for it.
      queue.upsertJobScheduler('kit-saga-sweep', { every: sweepMs }, { name: 'sweep' }).catch(report);
    },
    async schedule(id, delayMs) {
      await queue.add('saga', { id }, { delay: Math.ceil(delayMs) });
    },
    async close() {
      await worker?.close();
      await queue.close();
    },
  };
}

/** The message id as it is, but for what BullMQ refuses: a colon, and whole numbers. */
function toJobId(messageId: string): string {
  return /^\d+$/.test(messageId) ? `m-${messageId}` : messageId.replaceAll(/[%:]/g, encodeURIComponent);
}
