import type { BullmqDispatch } from '@kit/tx/bullmq';
import type { Logger } from 'pino';

/** Has instances tell each other over Redis which saga is due; without one each asks the database. */
export async function createDispatch(
  redisUrl: string | undefined,
  sweepMs: number,
  logger: Logger,
): Promise<BullmqDispatch | undefined> {
  if (redisUrl === undefined) return undefined;
  // BullMQ takes a third of a second to load: only whoever has a Redis waits for it.
  const { createBullmqDispatch } = await import('@kit/tx/bullmq');
  return createBullmqDispatch({
    connection: { url: redisUrl },
    queue: 'payment-sagas',
    sweepMs,
    onError: (error) => logger.warn({ err: error }, 'the queue of sagas'),
  });
}
