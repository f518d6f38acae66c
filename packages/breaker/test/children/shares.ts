import { Redis } from 'ioredis';
import { createBreaker } from '../../src/index.js';
import { createSharedState } from '../../src/redis.js';
import { fail, succeed } from '../support.js';

const [url, keyPrefix] = process.argv.slice(2);
const redis = new Redis(url!);
const breaker = createBreaker({ name: 'order-service' });
const shared = createSharedState({ redis, breakers: [breaker], keyPrefix: keyPrefix!, intervalMs: 60_000 });

process.on('message', ({ id, what }: { id: number; what: string }) => {
  void answer(what).then((text) => process.send!({ id, answer: text }));
});
process.stdout.write('ready\n');

async function answer(what: string): Promise<string> {
  const [verb, times] = what.split(' ');
  if (verb === 'fail') await fail(breaker, Number(times));
  if (verb === 'succeed') await succeed(breaker, Number(times));
  if (verb === 'sync') return String(await shared.sync());
  if (verb === 'close') {
    await shared.close();
    redis.disconnect();
    setImmediate(() => process.disconnect());
  }
  return breaker.state;
}
