import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { engines, platformOn } from './engines.ts';
import { eventually, startPlatform } from './platform.ts';

describe.each(engines)('on $engine', ({ start }) => {
  const platform = platformOn(start, {
    // A short pause, so that the tests see the breaker close again.
    BREAKER_OPEN_MS: '1000',
    PARTNER_TIMEOUT_MS: '1500',
  });
  beforeEach(async () => {
    for (const name of ['risk', 'order', 'channel'] as const) await platform.heal(name);
    // A breaker that an earlier test opened closes after three good trials.
    await eventually(
      async () =>
        (await Promise.all([1, 2, 3].map(() => platform.pay()))).every(({ status }) => status === 201),
      Boolean,
    );
  });

  describe('the breaker of a partner', () => {
    it('opens, refuses at once, shows it everywhere, and closes again', async () => {
      await platform.breakPartner('order', { errorRate: 1 });
      const refused = await eventually(
        () => platform.pay(),
        ({ body }) => body.code === 'SYS_PARTNER_UNAVAILABLE',
      );
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toBe('1');
      await platform.service.waitFor('[Breaker] order-service: closed -> open');
      const { body: page } = await platform.request('/metrics');
      expect(page).toMatch(/kit_breaker_calls_total\{[^}]*order-service/);

      await platform.heal('order');
      await eventually(
        () => platform.pay(),
        ({ status }) => status === 201,
      );
      await eventually(
        async () => {
          await platform.pay();
          return (await platform.request('/metrics')).body as string;
        },
        (text) => /kit_breaker_state\{[^}]*name="order-service"[^}]*\} 0/.test(text),
      );
      await platform.service.waitFor('[Breaker] order-service: half-open -> closed');
    });
  });

  describe('a partner that fails', () => {
    it.each(['risk', 'order', 'channel'] as const)(
      '%s: keeps the payment as failed, with a code',
      async (name) => {
        await platform.breakPartner(name, { errorRate: 1 });
        const refused = await platform.pay({ customerId: `broken-${name}` });
        expect(refused.status).toBe(502);
        expect(refused.headers.get('content-type')).toContain('application/problem+json');
        expect(refused.body).toMatchObject({ code: 'SYS_PARTNER_FAILED', status: 502 });

        const kept = await platform.request(refused.headers.get('location')!);
        expect(kept.status).toBe(200);
        expect(kept.body).toMatchObject({ status: 'failed', code: 'SYS_PARTNER_FAILED' });
        expect(await platform.effects('channel', { reference: kept.body.id })).toEqual([]);
      },
    );

    it('says which payment failed in the problem itself', async () => {
      await platform.breakPartner('risk', { errorRate: 1 });
      const { body } = await platform.pay();
      expect((await platform.request(`/v1/payments/${body.paymentId}`)).body.status).toBe('failed');
    });

    it('answers the same failure for the same key, and does not try again', async () => {
      await platform.breakPartner('order', { errorRate: 1 });
      const first = await platform.pay({}, 'failed-key');
      await platform.heal('order');
      const second = await platform.pay({}, 'failed-key');
      expect(second.status).toBe(first.status);
      expect(second.headers.get('location')).toBe(first.headers.get('location'));
    });

    it.each(['risk', 'order', 'channel'] as const)('%s hangs: times out as 504 and fails', async (name) => {
      await platform.breakPartner(name, { hang: true });
      const refused = await platform.pay();
      expect(refused.status).toBe(504);
      expect(refused.body).toMatchObject({ code: 'SYS_PARTNER_TIMEOUT', payment: { status: 'failed' } });
    });

    it('cancels the order of a payment whose charge was declined', async () => {
      await platform.breakPartner('channel', { declineRate: 1 });
      const declined = await platform.pay();
      expect(declined.status).toBe(402);
      expect(declined.body.code).toBe('BIZ_CARD_DECLINED');
      const orders = await platform.effects('order', { reference: declined.body.paymentId });
      expect(orders.map(({ kind }) => kind).toSorted()).toEqual(['order', 'order-cancelled']);
    });

    it('declines what the risk check declines, before anything else happens', async () => {
      const declined = await platform.pay({ customerId: 'blocked-by-risk' });
      expect(declined.status).toBe(422);
      expect(declined.body.code).toBe('BIZ_PAYMENT_DECLINED');
      expect(await platform.effects('order', { reference: declined.body.paymentId })).toEqual([]);
    });

    it('takes a charge for done when the channel did it and then answered with an error', async () => {
      await platform.breakPartner('channel', { errorRate: 1, afterEffect: true });
      const paid = await platform.pay();
      expect(paid.status).toBe(201);
      expect(await platform.effects('channel', { reference: paid.body.id })).toHaveLength(1);
    });

    it('takes a charge for done when the channel did it and answered garbage', async () => {
      await platform.breakPartner('channel', { garbage: true });
      const paid = await platform.pay();
      expect(paid.status).toBe(201);
      expect(await platform.effects('channel', { reference: paid.body.id })).toHaveLength(1);
    });

    it('takes a charge for done when the channel did it and the connection was cut', async () => {
      await platform.breakPartner('channel', { dropRate: 1 });
      const paid = await platform.pay();
      expect(paid.status).toBe(201);
      expect(await platform.effects('channel', { reference: paid.body.id })).toHaveLength(1);
    });

    it('is not charged by a channel that gets to it after the payment has failed', async () => {
      await platform.breakPartner('channel', { latencyMs: 2_700 });
      const failed = await platform.pay();
      expect(failed.status).toBe(504);
      await delay(1_500);
      expect(await platform.effects('channel', { reference: failed.body.paymentId })).toEqual([]);
      const orders = await platform.effects('order', { reference: failed.body.paymentId });
      expect(orders.map(({ kind }) => kind).toSorted()).toEqual(['order', 'order-cancelled']);
    });

    it('leaves a payment pending while the channel says nothing, and goes on by itself when it is back', async () => {
      await platform.breakPartner('channel', { hang: true, lookups: true });
      const pending = await platform.pay();
      expect(pending.status).toBe(202);
      expect(pending.body.status).toBe('pending');
      await platform.heal('channel');
      await eventually(
        () => platform.request(`/v1/payments/${pending.body.id}`),
        ({ body }) => body.status === 'paid',
      );
      expect(await platform.effects('channel', { reference: pending.body.id })).toHaveLength(1);
    });
  });
});

describe('a breaker that stays open for a while', () => {
  it('tells the caller with Retry-After, in seconds', async () => {
    const patient = await startPlatform({ BREAKER_OPEN_MS: '600000' });
    try {
      await patient.breakPartner('order', { errorRate: 1 });
      const refused = await eventually(
        () => patient.pay(),
        ({ body }) => body.code === 'SYS_PARTNER_UNAVAILABLE',
      );
      expect(refused.status).toBe(503);
      const seconds = Number(refused.headers.get('retry-after'));
      expect(seconds).toBeGreaterThan(500);
      expect(seconds).toBeLessThanOrEqual(600);
    } finally {
      await patient.stop();
    }
  });
});
