import { channel } from 'node:diagnostics_channel';
import promClient from 'prom-client';
import { describe, expect, it, vi } from 'vitest';
import * as first from '../src/index.js';
import { valueOf } from './clients.js';
import { serve } from './page-of.js';

describe('two copies of the package in one process (ESM beside CJS)', () => {
  it('share the metrics of a registry, count events once, and show each other on the page', async () => {
    vi.resetModules();
    const second = await import('../src/index.js');
    expect(second.createMetrics).not.toBe(first.createMetrics);
    const registry = new promClient.Registry();
    const options = { client: promClient, registry, defaultMetrics: false };
    const one = first.createMetrics(options);
    const two = second.createMetrics(options);
    one.counter('a_total', { help: 'A' }).inc();
    two.counter('a_total', { help: 'A' }).inc();
    one.histogram('h', { help: 'H', buckets: [1] }).observe(0.5);
    const stops = [first.observeKit(one), second.observeKit(two)];
    channel('kit:errors:raised').publish({ code: 'KIT_TIMEOUT' });
    for (const metrics of [one, two]) {
      const served = await serve(metrics);
      const { text } = await served.get();
      served.close();
      expect(valueOf(text, 'a_total')).toBe(2);
      expect(valueOf(text, 'h_bucket', { le: '1' })).toBe(1);
      expect(valueOf(text, 'kit_errors_total', { code: 'KIT_TIMEOUT' })).toBe(1);
    }
    for (const stop of stops) stop();
    expect(() => second.createMetrics(options).gauge('a_total', { help: 'A' })).toThrow(/exists as counter/);
  });
});
