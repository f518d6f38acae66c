import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { engines, platformOn } from './engines.ts';
import { type Effect, eventually } from './platform.ts';

describe.each(engines)('a service that is killed, on $engine', ({ start }) => {
  const platform = platformOn(start, { SAGA_LEASE_MS: '2000' });

  it.each(['risk', 'order', 'channel'] as const)(
    'in the middle of the call to %s finishes the payment',
    async (name) => {
      await platform.breakPartner(name, { latencyMs: 5_000, afterEffect: true });
      const key = randomUUID();
      const before = (await platform.effects(name)).length;
      const lost = platform.pay({ customerId: `killed-at-${name}` }, key).catch(() => 'the connection broke');
      await eventually(
        () => platform.effects(name),
        (effects) => effects.length > before,
      );
      await platform.killService();
      expect(await lost).toBe('the connection broke');
      await platform.heal(name);

      await platform.startService();
      const [payment] = await eventually(
        async () => (await platform.request(`/v1/payments?customerId=killed-at-${name}`)).body.items,
        ([payment]) => payment?.status === 'paid' || payment?.status === 'failed',
      );
      const again = await platform.pay({ customerId: `killed-at-${name}` }, key);
      expect(again.headers.get('location')).toContain(payment.id);
      const charges = await platform.effects('channel', { reference: payment.id, kind: 'charge' });
      expect(charges).toHaveLength(payment.status === 'paid' ? 1 : 0);
    },
  );

  it('in the middle of a refund gives the money back once', async () => {
    const { body: paid } = await platform.pay({ amount: 900 });
    await platform.breakPartner('channel', { latencyMs: 5_000, afterEffect: true });
    const lost = platform
      .request(`/v1/payments/${paid.id}/refunds`, {
        json: { amount: 900 },
        headers: { 'idempotency-key': randomUUID() },
      })
      .catch(() => 'the connection broke');
    await eventually(
      () => platform.effects('channel', { kind: 'refund' }),
      (effects) => effects.length === 1,
    );
    await platform.killService();
    expect(await lost).toBe('the connection broke');
    await platform.heal('channel');

    await platform.startService();
    const { body } = await eventually(
      () => platform.request(`/v1/payments/${paid.id}`),
      (answer) => answer.body.status === 'refunded',
    );
    expect(body.refundedAmount).toBe(900);
    expect(await platform.effects('channel', { kind: 'refund' })).toHaveLength(1);
    expect(await platform.events('payment.refunded')).toContain(paid.id);
  });

  it('has lost and doubled nothing in the books', async () => {
    const { body } = await platform.request('/v1/ledger/balances');
    const channel = body.items.find(({ account }: { account: string }) => account === 'channel');
    const charges = await platform.effects('channel', { kind: 'charge' });
    const refunds = await platform.effects('channel', { kind: 'refund' });
    expect(channel.balance).toBe(sumOf(charges) - sumOf(refunds));
  });
});

const sumOf = (effects: Effect[]) => effects.reduce((sum, { amount }) => sum + amount, 0);
