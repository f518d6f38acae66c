import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { checkMetrics } from './arguments.js';
import type { Observers } from './channels.js';
import { untilClosed } from './closing.js';
import { observeBreakers } from './observe-breakers.js';
import { observeService } from './observe-service.js';
import { observeTransactions } from './observe-transactions.js';
import type { Instruments } from './instrument-maker.js';
import type { Metrics } from './metrics.js';
import { processWide } from './process-wide.js';

const observed = processWide('observed', () => new WeakMap<object, { users: number; stop(): void }>());

/**
 * Turns what the other kit packages publish on `node:diagnostics_channel` into metrics: breakers, transactions,
 * sagas, outbox, health and errors. Call it before they are created. Returns `stop()`.
 * @example
 * import client from 'prom-client';
 * import { createMetrics, observeKit } from '@kit/metrics';
 * const stop = observeKit(createMetrics({ client }));
 */
export function observeKit(metrics: Metrics): () => void {
  checkMetrics(metrics);
  // Two calls for one registry must not count everything twice.
  const running = observed.get(metrics.registry) ?? { users: 0, stop: listen(metrics) };
  running.users += 1;
  observed.set(metrics.registry, running);
  return untilClosed(metrics, () => {
    running.users -= 1;
    if (running.users > 0) return;
    observed.delete(metrics.registry);
    running.stop();
  });
}

function listen(instruments: Instruments): () => void {
  const observers: Observers = {
    ...observeBreakers(instruments),
    ...observeTransactions(instruments),
    ...observeService(instruments),
  };
  const listeners = Object.entries(observers).map(([channel, observe]) => {
    const listener = (message: unknown) => {
      try {
        (observe as (payload: unknown) => void)(message);
      } catch {
        // A throw here would be an uncaughtException of the publisher.
      }
    };
    subscribe(channel, listener);
    return { channel, listener };
  });
  return () => {
    for (const { channel, listener } of listeners) unsubscribe(channel, listener);
  };
}
