import { describe, expect, it } from 'vitest';
import { loadUntilNotReady } from './load.js';
import { startService as start } from './service.js';

const frameworks = ['express', 'fastify', 'nest on express', 'nest on fastify'];

describe.each(frameworks)('SIGTERM under load on %s', (framework) => {
  it('fails none of at least 15,000 requests', { timeout: 400_000 }, async () => {
    const { child, port } = await start(framework, {
      readyDelayMs: 3_000,
      drainTimeoutMs: 10_000,
      forceAfterMs: 30_000,
    });
    const result = await loadUntilNotReady(port, {
      signalAfter: 15_000,
      signal: () => child.signal('SIGTERM'),
    });
    expect(result.failed).toEqual([]);
    expect(result.done).toBeGreaterThanOrEqual(15_000);
    expect(result.uploads).toBeGreaterThanOrEqual(12);
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(child.stdout.match(/closed \w+/g)).toEqual(['closed queue', 'closed db']);
  });
});
