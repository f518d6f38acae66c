import { createClock } from 'kit-tooling/clock';
import { describe, expect, it } from 'vitest';
import { newMetrics, textOf, valueOf } from './clients.js';

describe('business.track', () => {
  it('counts success and failure with their duration, and hands on result and error', async () => {
    const metrics = newMetrics();
    const error = new Error('declined');
    expect(await metrics.business.track('payment', async () => 'paid')).toBe('paid');
    expect(await metrics.business.track('payment', () => 'paid')).toBe('paid');
    await expect(metrics.business.track('payment', () => Promise.reject(error))).rejects.toBe(error);
    await expect(
      metrics.business.track('payment', () => {
        throw error;
      }),
    ).rejects.toBe(error);
    const text = await textOf(metrics);
    expect(valueOf(text, 'business_operations_total', { operation: 'payment', status: 'success' })).toBe(2);
    expect(valueOf(text, 'business_operations_total', { operation: 'payment', status: 'failure' })).toBe(2);
    expect(
      valueOf(text, 'business_operation_duration_seconds_count', { operation: 'payment', status: 'success' }),
    ).toBe(2);
  });

  it('keeps the result of an operation whose name is no label', async () => {
    expect(await newMetrics().business.track({} as never, () => 1)).toBe(1);
  });
});

describe('business.seen', () => {
  it('estimates different users of five minutes and forgets them', async () => {
    const clock = createClock(1_800_000_000_000);
    const metrics = newMetrics({ now: clock.now });
    const active = async () => valueOf(await textOf(metrics), 'business_active_users')!;
    expect(await active()).toBe(0);
    for (let i = 0; i < 1_000; i += 1) metrics.business.seen(`user-${i}`);
    clock.advance(120_000);
    for (let i = 500; i < 3_000; i += 1) metrics.business.seen(`user-${i}`);
    expect(Math.abs((await active()) - 3_000)).toBeLessThan(90);
    clock.advance(200_000);
    expect(Math.abs((await active()) - 2_500)).toBeLessThan(75);
    clock.advance(300_000);
    expect(await active()).toBe(0);
  });

  it('takes no notice of what is no id', async () => {
    const metrics = newMetrics();
    for (const id of ['', undefined, null, 7]) metrics.business.seen(id as never);
    expect(valueOf(await textOf(metrics), 'business_active_users')).toBe(0);
  });
});
