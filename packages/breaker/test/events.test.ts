import { recordChannels } from 'kit-tooling/channels';
import { createClock } from 'kit-tooling/clock';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import { breakerChannels, createBreaker, createBreakerRegistry, TimeoutError } from '../src/index.js';
import { fail, openBreaker, pending, succeed } from './support.js';

const recorded: { stop(): void }[] = [];
const record = () => {
  const recording = recordChannels(...Object.values(breakerChannels));
  recorded.push(recording);
  const of = (name: string) =>
    recording.events.filter((e) => e.channel === `kit:breaker:${name}`).map((e) => e.payload);
  return { ...recording, of };
};
afterEach(() => {
  for (const recording of recorded.splice(0)) recording.stop();
});

describe('the channels', () => {
  it('tell the state once at creation and every change after it', async () => {
    const { of } = record();
    const clock = createClock();
    const breaker = createBreaker({ name: 'order-service', now: clock.now });
    await openBreaker(breaker);
    clock.advance(30_000);
    await succeed(breaker, 3);
    expect(of('state-changed').map(({ from, to, reason }) => [from, to, reason])).toEqual([
      [null, 'closed', 'created'],
      ['closed', 'open', 'failure-ratio'],
      ['open', 'half-open', 'open-elapsed'],
      ['half-open', 'closed', 'trials-succeeded'],
    ]);
    expect(of('state-changed')[1]!.counts).toMatchObject({ requests: 5, failures: 5 });
    expect(Object.isFrozen(of('state-changed')[1])).toBe(true);
  });

  it('tell every call with its outcome and duration', async () => {
    const { of } = record();
    const clock = createClock();
    const breaker = createBreaker({
      name: 'x',
      now: clock.now,
      classify: ({ status, ...o }) =>
        status === 'fulfilled' ? 'success' : 'reason' in o && o.reason === 'skip' ? 'ignore' : 'failure',
    });
    const call = pending(breaker);
    clock.advance(12);
    await call.resolve();
    await fail(breaker);
    await fail(breaker, 1, 'skip');
    await fail(breaker, 1, new TimeoutError('x', 5));
    expect(of('call')).toEqual([
      { name: 'x', state: 'closed', outcome: 'success', durationMs: 12 },
      { name: 'x', state: 'closed', outcome: 'failure', durationMs: 0 },
      { name: 'x', state: 'closed', outcome: 'ignored', durationMs: 0 },
      { name: 'x', state: 'closed', outcome: 'timeout', durationMs: 0 },
    ]);
  });

  it('tell rejections and stale results', async () => {
    const { of } = record();
    const breaker = createBreaker({ name: 'x' });
    const late = pending(breaker);
    breaker.isolate();
    await fail(breaker);
    await late.resolve();
    expect(of('rejected')).toEqual([{ name: 'x', reason: 'isolated' }]);
    expect(of('stale')).toEqual([{ name: 'x' }]);
  });

  it('log a change once, in the user’s logger', async () => {
    const lines: string[] = [];
    const log = (message: unknown) => {
      const { name, from, to } = message as { name: string; from: string | null; to: string };
      if (from !== null) lines.push(`[Breaker] ${name}: ${from} -> ${to}`);
    };
    subscribe(breakerChannels.stateChanged, log);
    await openBreaker(createBreaker({ name: 'order-service' }));
    unsubscribe(breakerChannels.stateChanged, log);
    expect(lines).toEqual(['[Breaker] order-service: closed -> open']);
  });
});

describe('callbacks that throw', () => {
  it('change neither results nor states', async () => {
    const boom = () => {
      throw new Error('bug');
    };
    const breaker = createBreaker({ name: 'x', onStateChange: boom, classify: boom });
    expect(await breaker.run(() => 'ok')).toBe('ok');
    await openBreaker(breaker);
    expect(breaker.state).toBe('open');
    const rejecting = createBreaker({
      name: 'x',
      onStateChange: () => Promise.reject(new Error('bug')) as never,
    });
    await openBreaker(rejecting);
    const tripless = createBreaker({ name: 'x', readyToTrip: boom });
    await fail(tripless, 10);
    expect(tripless.state).toBe('closed');
    expect(tripless.evidence.failing).toBe(false);
    const backoff = createBreaker({ name: 'x', openMs: { next: boom } });
    await openBreaker(backoff);
    expect(backoff.retryAfterMs).toBeGreaterThan(29_000);
  });

  it('leave the result alone when a channel’s subscriber throws', async () => {
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    const boom = () => {
      throw new Error('subscriber');
    };
    subscribe(breakerChannels.call, boom);
    try {
      expect(await createBreaker({ name: 'x' }).run(() => 'ok')).toBe('ok');
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      unsubscribe(breakerChannels.call, boom);
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
    expect(uncaught).toHaveLength(1);
  });
});

describe('createBreakerRegistry', () => {
  it('makes one breaker a name, from defaults and overrides', async () => {
    const breakers = createBreakerRegistry({
      defaults: { minimumCalls: 1 },
      overrides: { 'risk-service': { minimumCalls: 3 } },
    });
    const orders = breakers.get('order-service');
    expect(breakers.get('order-service')).toBe(orders);
    await fail(orders);
    await fail(breakers.get('risk-service'));
    expect([...breakers].map(({ name, state }) => `${name} ${state}`)).toEqual([
      'order-service open',
      'risk-service closed',
    ]);
    expect(breakers.toJSON()[0]).toMatchObject({ name: 'order-service', state: 'open' });
    expect(breakers.find('nobody')).toBeUndefined();
  });

  it('stays bounded with 100,000 keys, and drops closed breakers first', async () => {
    const breakers = createBreakerRegistry({ maxKeys: 100 });
    const open = breakers.get('bad-partner');
    await openBreaker(open);
    for (let i = 0; i < 100_000; i++) breakers.get(`key-${i}`);
    expect(breakers.size).toBe(100);
    expect(breakers.find('bad-partner')).toBe(open);
  });
});
