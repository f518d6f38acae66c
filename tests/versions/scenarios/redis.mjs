import assert from 'node:assert/strict';
import { createBreaker } from '@kit/breaker';
import { createSharedState } from '@kit/breaker/redis';
import { createHealth, redisCheck } from '@kit/health';
import { createMetrics, instrumentRedis } from '@kit/metrics';
import { createLock, isLockUnavailableError } from '@kit/tx';
import { createRedisStreamsPublisher } from '@kit/tx/redis-streams';
import { Redis } from 'ioredis';
import promClient from 'prom-client';

const redis = new Redis(process.env.REDIS_URL, { keyPrefix: `${process.env.SCHEMA}:` });
const metrics = createMetrics({ client: promClient, defaultMetrics: false });
instrumentRedis(metrics, redis, { name: 'main' });

const lock = createLock(redis, { waitMs: 0 });
await lock.run('settlement', async ({ fence }) => {
  assert.ok(fence >= 1);
  await assert.rejects(lock.acquire('settlement'), (error) => isLockUnavailableError(error));
});
await (await lock.acquire('settlement')).release();

const publish = createRedisStreamsPublisher({ redis, maxLength: 1_000 });
await publish([{ id: 'm1', topic: 'paid', key: 'a', payload: { amount: 5 }, headers: { traceparent: 'x' } }]);
const [[, fields]] = await redis.xrange('paid', '-', '+');
assert.deepEqual(fields.slice(0, 4), ['id', 'm1', 'topic', 'paid']);

// Two instances see the partner fail: the third, which has not called it yet, opens with them.
const instances = ['one', 'two', 'three'].map((instanceId) => {
  const breaker = createBreaker({ name: 'partner', minimumCalls: 2, failureRatio: 1 });
  const shared = createSharedState({ redis, breakers: [breaker], instanceId, intervalMs: 60_000 });
  return { breaker, shared };
});
for (const { breaker } of instances.slice(0, 2)) {
  for (let call = 0; call < 2; call += 1) {
    await breaker.run(() => Promise.reject(new Error('down'))).catch(() => {});
  }
}
for (const { shared } of [...instances, ...instances]) assert.equal(await shared.sync(), true);
assert.deepEqual(
  instances.map(({ breaker }) => breaker.state),
  ['open', 'open', 'open'],
);
for (const { shared } of instances) await shared.close();

const health = createHealth();
health.add(redisCheck(redis));
assert.equal((await health.report()).status, 'healthy');
await health.close();
metrics.close();
await redis.quit();
console.log('redis: ok');
