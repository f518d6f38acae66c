import { once } from 'node:events';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { hasServer, startRedis, type TestServer } from 'kit-tooling/servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getLogger, getTrace, injectTrace, runWithTrace, type Trace } from '../src/index.js';

describe.runIf(hasServer('redis'))('a queue', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it('of BullMQ carries the trace in the payload of a job', async () => {
    const connection = { host: '127.0.0.1', port: server.port };
    const queue = new Queue('receipts', { connection });
    const seen: (Trace | undefined)[] = [];
    const worker = new Worker<{ trace: Record<string, string> }>(
      'receipts',
      (job) =>
        runWithTrace(job.data.trace, async () => {
          await new Promise((resolve) => setImmediate(resolve));
          seen.push(getTrace());
          getLogger('receipts').debug('sent');
        }),
      { connection },
    );
    const completed = once(worker, 'completed');
    const sent = await runWithTrace({}, async () => {
      await queue.add('send', { orderId: 'o-1', trace: injectTrace() });
      return getTrace()!;
    });
    await completed;
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ traceId: sent.traceId, kind: 'message' });
    expect(seen[0]!.parentSpanId).toMatch(/^[0-9a-f]{16}$/);
    await worker.close();
    await queue.close();
  });

  it('of Redis Streams carries the trace from producer to consumer', async () => {
    const redis = new Redis(server.url);
    const sent = await runWithTrace({}, async () => {
      const carrier = Object.entries(injectTrace()).flat();
      await redis.xadd('orders', '*', 'orderId', 'o-1', ...carrier);
      return getTrace()!.traceId;
    });
    const [[, [[, fields]]]] = (await redis.xread('STREAMS', 'orders', '0')) as any;
    const entries = Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]]),
    ) as Record<string, string>;
    runWithTrace(entries, () => expect(getTrace()!.traceId).toBe(sent));
    redis.disconnect();
  });
});
