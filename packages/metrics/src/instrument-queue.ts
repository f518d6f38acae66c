import { checkMetrics } from './arguments.js';
import { untilClosed } from './closing.js';
import { show } from './labels.js';
import type { Metrics } from './metrics.js';

/** A BullMQ `Queue`, for the length, or `Worker`, for the outcome of jobs; told apart by what they can do. */
export interface QueueLike {
  readonly name: string;
  getJobCounts?(...types: never[]): Promise<Record<string, number>>;
  on?(event: never, listener: (...args: unknown[]) => void): unknown;
  off?(event: never, listener: (...args: unknown[]) => void): unknown;
}

interface Job {
  readonly attemptsMade?: number;
  readonly opts?: { readonly attempts?: number };
  readonly finishedOn?: number;
}

/**
 * Shows the length of a queue by state, and successes, failures and retries of its jobs. Call it with the queue,
 * with the worker, or with both. Returns `stop()`.
 * @example
 * import client from 'prom-client';
 * import type { Queue, Worker } from 'bullmq';
 * import { createMetrics, instrumentQueue } from '@kit/metrics';
 * declare const queue: Queue, worker: Worker;
 * const metrics = createMetrics({ client });
 * instrumentQueue(metrics, queue);
 * instrumentQueue(metrics, worker);
 */
export function instrumentQueue(metrics: Metrics, queue: QueueLike): () => void {
  checkMetrics(metrics);
  if (typeof queue?.name !== 'string') throw new TypeError(`queue must have a name, got ${show(queue)}`);
  const ends = [watchLength(metrics, queue), watchJobs(metrics, queue)];
  return untilClosed(metrics, () => {
    for (const end of ends) end();
  });
}

function watchLength(metrics: Metrics, queue: QueueLike): () => void {
  if (!queue.getJobCounts) return () => {};
  const length = metrics.gauge('kit_queue_length', {
    help: 'Jobs in a queue, by state.',
    labels: ['queue', 'state'],
    aggregate: 'max',
  });
  return metrics.onScrape(`kit_queue_length ${queue.name}`, async () => {
    const counts = await queue.getJobCounts!();
    for (const [state, count] of Object.entries(counts)) length.child(queue.name, state).set(count);
  });
}

function watchJobs(metrics: Metrics, queue: QueueLike): () => void {
  if (!queue.on) return () => {};
  const jobs = metrics.counter('kit_jobs_total', {
    help: 'Jobs that ended, by outcome.',
    labels: ['queue', 'outcome'],
  });
  const retries = metrics.counter('kit_job_retries_total', {
    help: 'Jobs that failed and will be tried again.',
    labels: ['queue'],
  });
  const succeeded = () => jobs.child(queue.name, 'success');
  const failed = () => jobs.child(queue.name, 'failure');
  const retried = () => retries.child(queue.name);
  // A worker shows 0 of each from its beginning, so that the first failure is an increase; a queue runs no jobs.
  if (!queue.getJobCounts) for (const series of [succeeded, failed, retried]) series();
  const onCompleted = () => succeeded().inc();
  const onFailed = (job: Job | undefined) => (willRetry(job) ? retried : failed)().inc();
  queue.on('completed' as never, onCompleted);
  queue.on('failed' as never, onFailed as (...args: unknown[]) => void);
  return () => {
    queue.off?.('completed' as never, onCompleted);
    queue.off?.('failed' as never, onFailed as (...args: unknown[]) => void);
  };
}

function willRetry(job: Job | undefined): boolean {
  if (job?.finishedOn !== undefined) return false;
  return (job?.attemptsMade ?? 1) < (job?.opts?.attempts ?? 1);
}
