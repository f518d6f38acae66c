import { createBreaker, createBreakerRegistry } from '../../src/index.js';

const COUNT = 5_000;

const used = () => {
  globalThis.gc!();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

let now = 0;
const clock = () => now;
const make = (index: number) => createBreaker({ name: `b${index}`, windowMs: 60_000, now: clock });
// Compiled and warm before it is weighed.
for (let i = 0; i < 100; i++) await make(i).run(() => i);

const before = used();
const breakers = Array.from({ length: COUNT }, (_, index) => make(index));
for (const breaker of breakers) {
  now = 0;
  for (let second = 0; second < 60; second++) {
    now = second * 1_000;
    await breaker.run(() => second);
    if (second % 2 === 0) await breaker.run(() => Promise.reject(new Error('x'))).catch(() => {});
  }
}
const breakerBytes = (used() - before) / breakers.length;

const start = used();
const registry = createBreakerRegistry();
for (let i = 0; i < 100_000; i++) await registry.get(`key-${i}`).run(() => i);
const registryBytes = used() - start;

process.stdout.write(JSON.stringify({ breakerBytes, registryBytes, registrySize: registry.size }));
