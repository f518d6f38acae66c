import { channel } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { type Metrics, instrumentSagas, type ObservedChannels, observeKit } from '../src/index.js';
import { newMetrics, textOf, valueOf } from './clients.js';
import { payloads } from './fixtures/payloads.js';

const publish = <C extends keyof ObservedChannels>(name: C, payload: ObservedChannels[C] & object) =>
  channel(name).publish(Object.freeze(payload));

describe('instrumentSagas', () => {
  it('shows what is stuck in the store, also after another process resolved it', async () => {
    const metrics = newMetrics();
    let stuck = [{ name: 'pay' }, { name: 'refund' }, { name: 'pay' }];
    const stop = instrumentSagas(metrics, {
      list: async ({ status }) => (status === 'stuck' ? stuck : []),
    });
    const stopObserving = observeKit(metrics);
    expect(valueOf(await textOf(metrics), 'kit_saga_stuck', { name: 'pay' })).toBe(2);
    stuck = [{ name: 'refund' }];
    const text = await textOf(metrics);
    expect(valueOf(text, 'kit_saga_stuck', { name: 'pay' })).toBe(0);
    expect(valueOf(text, 'kit_saga_stuck', { name: 'refund' })).toBe(1);
    stop();
    stopObserving();
  });
});

describe('observeKit', () => {
  let stop = () => {};
  afterEach(() => stop());
  const observe = (metrics: Metrics = newMetrics()) => {
    stop = observeKit(metrics);
    return metrics;
  };

  it('shows the state of breakers, their calls, rejections, retries and stale results', async () => {
    const metrics = observe();
    publish('kit:breaker:state-changed', {
      name: 'bank',
      from: null,
      to: 'closed',
      reason: 'created',
      counts: {},
    } as never);
    publish('kit:breaker:state-changed', { name: 'risk', from: 'closed', to: 'open' } as never);
    publish('kit:breaker:state-changed', { name: 'mail', from: 'open', to: 'half-open' } as never);
    publish('kit:breaker:call', { name: 'bank', state: 'closed', outcome: 'success', durationMs: 250 });
    publish('kit:breaker:call', { name: 'bank', state: 'closed', outcome: 'timeout', durationMs: 3_000 });
    publish('kit:breaker:rejected', { name: 'risk', reason: 'open' });
    publish('kit:breaker:retried', { name: 'bank', attempt: 2, delayMs: 10 } as never);
    publish('kit:breaker:stale', { name: 'bank' });
    const text = await textOf(metrics);
    expect(valueOf(text, 'kit_breaker_state', { name: 'bank' })).toBe(0);
    expect(valueOf(text, 'kit_breaker_state', { name: 'mail' })).toBe(1);
    expect(valueOf(text, 'kit_breaker_state', { name: 'risk' })).toBe(2);
    expect(valueOf(text, 'kit_breaker_calls_total', { name: 'bank', outcome: 'timeout' })).toBe(1);
    expect(valueOf(text, 'kit_breaker_call_duration_seconds_sum', { name: 'bank', outcome: 'success' })).toBe(
      0.25,
    );
    expect(valueOf(text, 'kit_breaker_rejections_total', { name: 'risk', reason: 'open' })).toBe(1);
    expect(valueOf(text, 'kit_breaker_retries_total', { name: 'bank' })).toBe(1);
    expect(valueOf(text, 'kit_breaker_stale_total', { name: 'bank' })).toBe(1);
  });

  it('shows transactions, sagas and the outbox, in seconds', async () => {
    const metrics = observe();
    publish('kit:tx:settled', {
      name: 'payment',
      mode: 'write',
      outcome: 'committed',
      durationMs: 20,
      attempts: 1,
    } as never);
    publish('kit:tx:settled', {
      name: 'payment',
      mode: 'write',
      outcome: 'rolled-back',
      durationMs: 20,
    });
    publish('kit:tx:settled', { name: 'payment', mode: 'nested', outcome: 'rolled-back', durationMs: 5 });
    publish('kit:tx:retried', { name: 'payment', code: '40001', attempt: 2 } as never);
    publish('kit:tx:saga-step', {
      name: 'pay',
      step: 'charge',
      phase: 'do',
      outcome: 'done',
      durationMs: 1_500,
    });
    publish('kit:tx:saga-settled', { name: 'pay', outcome: 'completed', durationMs: 2_000 });
    publish('kit:tx:outbox-published', { name: 'payment', topic: 'paid', count: 7, durationMs: 5 });
    publish('kit:tx:outbox-backlog', { name: 'payment', size: 12, oldestMs: 61_000 });
    const text = await textOf(metrics);
    const labels = { manager: 'payment', mode: 'write' };
    expect(valueOf(text, 'kit_tx_duration_seconds_count', { ...labels, outcome: 'committed' })).toBe(1);
    expect(valueOf(text, 'kit_tx_duration_seconds_sum', { ...labels, outcome: 'rolled-back' })).toBe(0.02);
    expect(valueOf(text, 'kit_tx_rollback_only_total', { manager: 'payment' })).toBe(1);
    expect(valueOf(text, 'kit_tx_retries_total', { manager: 'payment', code: '40001' })).toBe(1);
    expect(
      valueOf(text, 'kit_saga_step_duration_seconds_sum', { name: 'pay', step: 'charge', phase: 'do' }),
    ).toBe(1.5);
    expect(valueOf(text, 'kit_saga_total', { name: 'pay', outcome: 'completed' })).toBe(1);
    expect(valueOf(text, 'kit_saga_stuck', { name: 'pay' })).toBe(0);
    expect(valueOf(text, 'kit_outbox_published_total', { topic: 'paid' })).toBe(7);
    expect(valueOf(text, 'kit_outbox_backlog', { name: 'payment' })).toBe(12);
    expect(valueOf(text, 'kit_outbox_oldest_seconds', { name: 'payment' })).toBe(61);
  });

  it('counts each stuck saga once and forgets it when it is resolved', async () => {
    const metrics = observe();
    publish('kit:tx:saga-stuck', { name: 'pay', id: '1', step: 'charge' } as never);
    publish('kit:tx:saga-stuck', { name: 'pay', id: '1', step: 'charge' } as never);
    publish('kit:tx:saga-settled', { name: 'pay', outcome: 'stuck', durationMs: 1, id: '1' });
    publish('kit:tx:saga-stuck', { name: 'pay', id: '2', step: 'charge' } as never);
    expect(valueOf(await textOf(metrics), 'kit_saga_stuck', { name: 'pay' })).toBe(2);
    publish('kit:tx:saga-settled', { name: 'pay', outcome: 'compensated', durationMs: 1, id: '1' });
    expect(valueOf(await textOf(metrics), 'kit_saga_stuck', { name: 'pay' })).toBe(1);
  });

  it('shows health as 0, 1, 2, readiness and errors by code', async () => {
    const metrics = observe();
    for (const [name, status] of [
      ['db', 'healthy'],
      ['redis', 'degraded'],
      ['bank', 'unhealthy'],
    ] as const) {
      publish('kit:health:checked', { name, status, durationMs: 12 });
    }
    publish('kit:health:readiness-changed', { name: 'payment', ready: false });
    publish('kit:errors:raised', { code: 'KIT_TIMEOUT', status: 504, fingerprint: 'f' } as never);
    publish('kit:trace:anomaly', { client: '10.0.0.1', count: 101, windowMs: 1, traceId: 't' } as never);
    const text = await textOf(metrics);
    expect(valueOf(text, 'kit_health_status', { check: 'db' })).toBe(0);
    expect(valueOf(text, 'kit_health_status', { check: 'redis' })).toBe(1);
    expect(valueOf(text, 'kit_health_status', { check: 'bank' })).toBe(2);
    expect(valueOf(text, 'kit_health_check_duration_seconds_sum', { check: 'db' })).toBe(0.012);
    expect(valueOf(text, 'kit_health_ready', { name: 'payment' })).toBe(0);
    expect(valueOf(text, 'kit_errors_total', { code: 'KIT_TIMEOUT' })).toBe(1);
    expect(valueOf(text, 'kit_trace_anomalies_total')).toBe(1);
  });

  it('turns a message on each channel of docs/architecture.md into a change of the page', async () => {
    const table = readFileSync(new URL('../../../docs/architecture.md', import.meta.url), 'utf8');
    const channels = new Set([...table.matchAll(/`(kit:[a-z]+:[a-z-]+)`/g)].map(([, name]) => name!));
    expect([...channels].sort()).toEqual(Object.keys(payloads).sort());
    const metrics = observe();
    for (const [name, payload] of Object.entries(payloads)) {
      const before = await textOf(metrics);
      channel(name).publish(payload);
      expect({ name, isTheSame: (await textOf(metrics)) === before }).toEqual({ name, isTheSame: false });
    }
  });

  it('does not throw into a publisher whose payload is broken', async () => {
    const uncaught: unknown[] = [];
    const listener = (error: unknown) => void uncaught.push(error);
    process.on('uncaughtException', listener);
    const metrics = observe();
    for (const payload of [undefined, null, 1, {}, { name: {}, durationMs: 'x', outcome: Symbol('s') }]) {
      for (const name of Object.keys(payloads)) {
        channel(name).publish(payload);
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off('uncaughtException', listener);
    expect(uncaught).toEqual([]);
    expect(await textOf(metrics)).not.toContain('[object');
  });

  it('counts once when it is called twice, and nothing after the last stop', async () => {
    const metrics = newMetrics();
    const first = observeKit(metrics);
    const second = observeKit(metrics);
    publish('kit:errors:raised', { code: 'A' });
    first();
    first();
    publish('kit:errors:raised', { code: 'A' });
    second();
    publish('kit:errors:raised', { code: 'A' });
    expect(valueOf(await textOf(metrics), 'kit_errors_total', { code: 'A' })).toBe(2);
    expect(channel('kit:errors:raised').hasSubscribers).toBe(false);
  });
});
