import { spawn } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  instrumentCache,
  instrumentKnex,
  instrumentQueue,
  instrumentRedis,
  instrumentSagas,
  observeKit,
} from '../src/index.js';
import { clients, newMetrics, textOf } from './clients.js';

describe('metrics.close', () => {
  it('ends observeKit and everything that was instrumented, whose stop may still be called', async () => {
    const metrics = newMetrics();
    const emitters = Array.from({ length: 4 }, () =>
      Object.assign(new EventEmitter(), { client: {}, name: 'mail', info: async () => '' }),
    );
    let asked = 0;
    const sagas = { list: async () => ((asked += 1), []) };
    const stops = [
      observeKit(metrics),
      instrumentKnex(metrics, emitters[0]!),
      instrumentRedis(metrics, emitters[1]!),
      instrumentCache(metrics, emitters[2]!),
      instrumentQueue(metrics, emitters[3]!),
      instrumentSagas(metrics, sagas),
    ];
    await textOf(metrics);
    expect(asked).toBe(1);
    metrics.close();
    expect(emitters.flatMap((emitter) => emitter.eventNames())).toEqual([]);
    expect(channel('kit:errors:raised').hasSubscribers).toBe(false);
    await textOf(metrics);
    expect(asked).toBe(1);
    for (const stop of stops) stop();
    await metrics[Symbol.asyncDispose]();
  });

  it('leaves alone what another createMetrics on the same registry began', () => {
    const one = newMetrics();
    const two = newMetrics({ registry: one.registry });
    observeKit(one);
    const stop = observeKit(two);
    one.close();
    expect(channel('kit:errors:raised').hasSubscribers).toBe(true);
    stop();
    expect(channel('kit:errors:raised').hasSubscribers).toBe(false);
  });
});

describe('a process with metrics', () => {
  it.each(clients)('ends by itself, with default metrics of %s and without close', async (name) => {
    const source = fileURLToPath(new URL('../src/index.ts', import.meta.url));
    const child = spawn(
      process.execPath,
      [
        '--conditions=@kit/source',
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        `const { default: client } = await import('${name}');
         const { createMetrics, observeKit } = await import('${source}');
         const metrics = createMetrics({ client });
         observeKit(metrics);
         await metrics.registry.metrics();`,
      ],
      { cwd: fileURLToPath(new URL('..', import.meta.url)) },
    );
    const late = setTimeout(() => child.kill('SIGKILL'), 120_000);
    expect(await once(child, 'exit')).toEqual([0, null]);
    clearTimeout(late);
  });
});
