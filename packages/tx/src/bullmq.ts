import type { ConnectionOptions, JobsOptions, Queue } from 'bullmq';
import { Queue as BullQueue, Worker } from 'bullmq';
import { setTimeout as delay } from 'node:timers/promises';
import { checkObject, show } from './options.js';
import { createRounds } from './rounds.js';
import { checkCount, checkMs } from './saga-options.js';
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
  checkObject(options);
  const { queue } = options;
  if (typeof queue !== 'function' && typeof queue?.addBulk !== 'function')
    throw new TypeError(`queue must be a BullMQ queue or a function that gives one, got ${show(queue)}`);
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
  /** How often each instance looks into the database for sagas whose message got lost, in milliseconds. @default 30_000 */
  sweepMs?: number | undefined;
  /** Told of errors of the connection; of messages that cannot be sent, of the first. @default nobody */
  onError?: ((error: unknown) => void) | undefined;
}

/** A dispatch with BullMQ's own objects in reach, for metrics or a board; it closes them itself. */
export interface BullmqDispatch extends SagaDispatch {
  readonly queue: Queue;
  readonly worker: Worker;
}

/**
 * Has BullMQ tell the instances which saga is due, instead of each of them polling the database. The rows stay the
 * truth: what Redis loses, and everything while it is away, is found by the sweep.
 *
 * @example
 * const dispatch = createBullmqDispatch({ connection: { host: '127.0.0.1', port: 6379 } });
 */
export function createBullmqDispatch(options: BullmqDispatchOptions): BullmqDispatch {
  checkObject(options);
  const { connection, queue: name = 'kit-sagas', concurrency = 10, sweepMs = 30_000, onError } = options;
  checkObject(connection, 'connection');
  if (typeof name !== 'string' || name === '' || name.includes(':'))
    throw new TypeError(`queue must be a name without colons, got ${show(name)}`);
  checkCount('concurrency', concurrency);
  checkMs('sweepMs', sweepMs, 1);
  if (onError !== undefined && typeof onError !== 'function')
    throw new TypeError(`onError must be a function, got ${show(onError)}`);
  const report = (error: unknown) => {
    try {
      onError?.(error);
    } catch {
      // A listener never decides what becomes of a saga.
    }
  };
  const queue = new BullQueue(name, {
    connection: failingFast(connection),
    defaultJobOptions: {
      removeOnComplete: true,
      removeOnFail: true,
      attempts: 5,
      backoff: { type: 'exponential', delay: 500 },
    },
  });
  const worker = new Worker(name, (job) => resume(String((job.data as { id: unknown }).id)), {
    connection,
    concurrency,
    autorun: false,
  });
  queue.on('error', report);
  worker.on('error', report);

  const messages = createMessages(queue, report);
  let resume: (id: string) => Promise<void> = async () => {};
  let sweeps: ReturnType<typeof createRounds> | undefined;
  let closed: Promise<void> | undefined;

  return {
    queue,
    worker,
    start(handlers) {
      resume = handlers.resume;
      worker.run().catch(report);
      sweeps = createRounds(sweepMs, async () => {
        try {
          let isReached = true;
          for (const id of await handlers.sweep()) {
            if (closed) return false;
            isReached &&= await Promise.race([messages.sweepUp(id), delay(SEND_MS, false, { ref: false })]);
            if (!isReached) await handlers.resume(id);
          }
        } catch (error) {
          report(error);
        }
        return false;
      });
    },
    async schedule(id, delayMs) {
      await messages.send(id, delayMs);
    },
    close: () => (closed ??= close()),
  };

  async function close(): Promise<void> {
    await sweeps?.close();
    // BullMQ says farewell to a Redis that is away until it is back.
    const isAway = messages.isFailing();
    if (isAway) queue.disconnect().catch(report);
    const farewell = Promise.allSettled([worker.close(isAway), queue.close()]);
    if (await Promise.race([farewell, delay(CLOSE_MS, false, { ref: false })])) return;
    for (const one of [worker, queue]) one.disconnect().catch(report);
  }
}

/** Messages that may wait for the first connection to a Redis that is away. */
const MAX_UNANSWERED = 10_000;
const SEND_MS = 1_000;
const CLOSE_MS = 2_000;

/** Sends ids of sagas; says whether it worked, and reports the first failure of an outage. */
function createMessages(queue: Queue, report: (error: unknown) => void) {
  let unanswered = 0;
  let isFailing = false;
  return {
    isFailing: () => isFailing,
    send: (id: string, delayMs: number) => send(id, { delay: Math.ceil(delayMs) }),
    /** What an earlier sweep found, here or elsewhere, and nobody has looked at yet is not added again. */
    sweepUp: (id: string) => send(id, { deduplication: { id: `sweep-${id}` } }),
  };

  async function send(id: string, options: JobsOptions): Promise<boolean> {
    // BullMQ waits for the first connection however long it takes.
    if (unanswered >= MAX_UNANSWERED) return false;
    unanswered += 1;
    try {
      await queue.add('saga', { id }, options);
      isFailing = false;
    } catch (error) {
      if (!isFailing) report(error);
      isFailing = true;
    } finally {
      unanswered -= 1;
    }
    return !isFailing;
  }
}

/** A message for a Redis that is away must not pile up in memory; the sweep makes it unnecessary. */
function failingFast(connection: ConnectionOptions): ConnectionOptions {
  const isInstance = typeof (connection as { on?: unknown }).on === 'function';
  return isInstance ? connection : { ...connection, enableOfflineQueue: false };
}

/** The message id but for what BullMQ refuses, a colon and whole numbers; two messages never have one job id. */
function toJobId(messageId: string): string {
  if (/^-?\d+$/.test(messageId)) return `%n${messageId}`;
  return messageId.replaceAll(/[%:]/g, encodeURIComponent);
}
