import { EventEmitter } from 'node:events';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { Cacheable } from 'cacheable';
import { describe, expect, it } from 'vitest';
import { instrumentCache } from '../src/index.js';
import { newMetrics, textOf, valueOf } from './clients.js';

describe('instrumentCache', () => {
  it('counts hits and misses of bentocache, by layer', async () => {
    const metrics = newMetrics();
    const bento = new BentoCache({
      default: 'users',
      stores: { users: bentostore().useL1Layer(memoryDriver({ maxSize: '1mb' })) },
    });
    instrumentCache(metrics, bento, { name: 'users' });
    const load = () => bento.getOrSet({ key: 'a', ttl: '1m', factory: () => 1 });
    await load();
    await load();
    await load();
    const text = await textOf(metrics);
    expect(valueOf(text, 'kit_cache_hits_total', { cache: 'users', layer: 'l1' })).toBe(2);
    expect(valueOf(text, 'kit_cache_misses_total', { cache: 'users' })).toBe(1);
    await bento.disconnectAll();
  });

  it('counts hits and misses of cacheable', async () => {
    const metrics = newMetrics();
    const cache = new Cacheable();
    instrumentCache(metrics, cache);
    await cache.get('a');
    await cache.set('a', 1);
    await cache.get('a');
    await cache.get('a');
    const text = await textOf(metrics);
    expect(valueOf(text, 'kit_cache_hits_total', { cache: 'default' })).toBe(2);
    expect(valueOf(text, 'kit_cache_misses_total', { cache: 'default' })).toBe(1);
  });

  it('counts what any emitter of hit and miss says, until stop', async () => {
    const metrics = newMetrics();
    const cache = new EventEmitter();
    const stop = instrumentCache(metrics, cache, { name: 'own' });
    cache.emit('hit', 'key');
    cache.emit('miss');
    cache.emit('miss', { layer: 'user input' });
    stop();
    cache.emit('hit');
    const text = await textOf(metrics);
    expect(valueOf(text, 'kit_cache_hits_total', { cache: 'own', layer: 'all' })).toBe(1);
    expect(valueOf(text, 'kit_cache_misses_total', { cache: 'own', layer: 'all' })).toBe(2);
    expect(text).not.toContain('user input');
  });
});
