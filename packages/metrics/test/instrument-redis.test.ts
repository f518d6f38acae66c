import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { hasServer, startRedis } from 'kit-tooling/servers';
import { describe, expect, it } from 'vitest';
import { instrumentQueue, instrumentRedis } from '../src/index.js';
import { parseRedisInfo } from '../src/redis-info.js';
import { newMetrics, textOf, valueOf } from './clients.js';

describe.runIf(hasServer('redis'))('instrumentRedis', () => {
  it('shows hits, keys, memory and connections, and a Redis that hangs or is gone', async () => {
    const server = await startRedis();
    const redis = new Redis({
      port: server.port,
      host: server.host,
      maxRetriesPerRequest: 0,
      retryStrategy: () => 50,
    });
    redis.on('error', () => {});
    const metrics = newMetrics();
    const stop = instrumentRedis(metrics, redis, { name: 'cache', infoTimeoutMs: 1_200 });
    const up = async () => valueOf(await textOf(metrics), 'kit_redis_up', { redis: 'cache' });
    try {
      await redis.mset('a', 1, 'b', 2);
      await redis.get('a');
      await redis.get('missing');
      await redis.get('missing');
      const text = await textOf(metrics);
      const value = (name: string) => valueOf(text, `kit_redis_${name}`, { redis: 'cache' });
      expect(value('up')).toBe(1);
      expect(value('keys')).toBe(2);
      expect(value('keyspace_hits_total')).toBe(1);
      expect(value('keyspace_misses_total')).toBe(2);
      expect(value('memory_used_bytes')).toBeGreaterThan(100_000);
      expect(value('connected_clients')).toBeGreaterThanOrEqual(1);
      expect(value('commands_processed_total')).toBeGreaterThanOrEqual(4);

      server.freeze();
      expect(await up()).toBe(0);
      server.thaw();
      await expect.poll(up).toBe(1);
      await redis.get('a');
      expect(await up()).toBe(1);
      await server.restart();
      await expect.poll(up).toBe(1);
      const after = await textOf(metrics);
      expect(valueOf(after, 'kit_redis_reconnects_total')).toBeGreaterThanOrEqual(1);
      // The server's count began anew, ours did not fall.
      expect(valueOf(after, 'kit_redis_keyspace_hits_total')).toBe(2);
    } finally {
      stop();
      redis.disconnect();
      await server.stop();
    }
  });
});

describe.runIf(hasServer('redis'))('instrumentQueue', () => {
  it('shows the length of a BullMQ queue, successes, failures and retries of its jobs', async () => {
    const server = await startRedis();
    const connection = { port: server.port, host: server.host, maxRetriesPerRequest: null };
    const metrics = newMetrics();
    const queue = new Queue('mail', { connection });
    instrumentQueue(metrics, queue);
    await queue.addBulk([
      { name: 'fine', data: {} },
      { name: 'bad', data: {}, opts: { attempts: 3 } },
      { name: 'later', data: {}, opts: { delay: 3_600_000 } },
    ]);
    const before = await textOf(metrics);
    expect(valueOf(before, 'kit_queue_length', { queue: 'mail', state: 'waiting' })).toBe(2);
    expect(valueOf(before, 'kit_queue_length', { queue: 'mail', state: 'delayed' })).toBe(1);
    const worker = new Worker(
      'mail',
      async (job) => {
        if (job.name === 'bad') throw new Error('no');
      },
      { connection },
    );
    const stop = instrumentQueue(metrics, worker);
    try {
      await expect
        .poll(async () => valueOf(await textOf(metrics), 'kit_jobs_total', { outcome: 'failure' }))
        .toBe(1);
      const text = await textOf(metrics);
      expect(valueOf(text, 'kit_jobs_total', { queue: 'mail', outcome: 'success' })).toBe(1);
      expect(valueOf(text, 'kit_job_retries_total', { queue: 'mail' })).toBe(2);
    } finally {
      stop();
      await worker.close();
      await queue.close();
      await server.stop();
    }
  });
});

describe('the answer of INFO', () => {
  it('is read field by field, and a strange one is all zeros', () => {
    const info = parseRedisInfo(
      '# Clients\r\nconnected_clients:7\r\nmaxmemory:1024\r\ndb0:keys=3,expires=0\r\ndb1:keys=4\r\n',
    );
    expect(info).toMatchObject({ connectedClients: 7, maxMemory: 1024, keys: 7, keyspaceHits: 0 });
    expect(Object.values(parseRedisInfo('nothing\n:\nused_memory:x')).every((value) => value === 0)).toBe(
      true,
    );
  });
});
