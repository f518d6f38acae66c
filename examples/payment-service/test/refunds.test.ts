import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { engines, platformOn } from './engines.ts';
import { eventually } from './platform.ts';

describe.each(engines)('refunds, on $engine', ({ start }) => {
  const platform = platformOn(start);

  const refund = (paymentId: string, amount: unknown, key: string = randomUUID()) =>
    platform.request(`/v1/payments/${paymentId}/refunds`, {
      json: { amount },
      headers: { 'idempotency-key': key },
    });
  const payment = async (id: string) => (await platform.request(`/v1/payments/${id}`)).body;

  it('gives a part back, and the rest', async () => {
    const { body: paid } = await platform.pay({ amount: 1_000 });
    const part = await refund(paid.id, 400);
    expect(part.status).toBe(201);
    expect(part.body).toMatchObject({ status: 'refunded', amount: 400, currency: 'EUR', paymentId: paid.id });
    expect(await payment(paid.id)).toMatchObject({ status: 'paid', refundedAmount: 400 });
    expect((await refund(paid.id, 600)).status).toBe(201);
    expect(await payment(paid.id)).toMatchObject({ status: 'refunded', refundedAmount: 1_000 });

    const found = await platform.request(part.headers.get('location')!);
    expect(found.body).toEqual(part.body);
    const { body: list } = await platform.request(`/v1/payments/${paid.id}/refunds`);
    expect(list.items.map(({ amount }: { amount: number }) => amount).toSorted()).toEqual([400, 600]);
  });

  it('refuses more than is left, and says how much that is', async () => {
    const { body: paid } = await platform.pay({ amount: 500 });
    await refund(paid.id, 450);
    const tooMuch = await refund(paid.id, 51);
    expect(tooMuch.status).toBe(422);
    expect(tooMuch.body).toMatchObject({ code: 'BIZ_REFUND_EXCEEDS_PAYMENT', details: { left: 50 } });
  });

  it('never gives back more than was paid, however many refunds come at once', async () => {
    const { body: paid } = await platform.pay({ amount: 1_000 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => refund(paid.id, 300)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
    expect(answers.filter(({ status }) => status === 422)).toHaveLength(7);
    expect(await payment(paid.id)).toMatchObject({ refundedAmount: 900 });
    const given = await platform.effects('channel', { reference: await chargeIdOf(paid.id) });
    expect(given.reduce((sum, { amount }) => sum + amount, 0)).toBe(900);
  });

  it('gives the same refund for the same key, and money back once', async () => {
    const { body: paid } = await platform.pay({ amount: 1_000 });
    const [first, second] = [
      await refund(paid.id, 100, 'refund-key'),
      await refund(paid.id, 100, 'refund-key'),
    ];
    expect(second.body.id).toBe(first.body.id);
    expect(await payment(paid.id)).toMatchObject({ refundedAmount: 100 });
    expect((await refund(paid.id, 200, 'refund-key')).body.code).toBe('VAL_IDEMPOTENCY_KEY_REUSED');
  });

  it('keeps a refund that the channel failed as failed, and the money can be asked for again', async () => {
    const { body: paid } = await platform.pay({ amount: 1_000 });
    await platform.breakPartner('channel', { errorRate: 1 });
    const failed = await refund(paid.id, 1_000);
    expect(failed.status).toBe(502);
    const kept = await platform.request(failed.headers.get('location')!);
    expect(kept.body).toMatchObject({ status: 'failed', code: 'SYS_PARTNER_FAILED' });
    await platform.heal('channel');
    expect((await refund(paid.id, 1_000)).status).toBe(201);
  });

  it('goes forward when the channel refunded and its answer was lost', async () => {
    const { body: paid } = await platform.pay({ amount: 1_000 });
    await platform.breakPartner('channel', { dropRate: 1 });
    const answer = await refund(paid.id, 700);
    expect([201, 202]).toContain(answer.status);
    await eventually(
      () => payment(paid.id),
      ({ refundedAmount }) => refundedAmount === 700,
    );
    await platform.heal('channel');
    expect(await platform.effects('channel', { reference: await chargeIdOf(paid.id) })).toHaveLength(1);
  });

  it('tells the world through the outbox', async () => {
    const { body: paid } = await platform.pay({ amount: 100 });
    const { body: done } = await refund(paid.id, 100);
    await eventually(
      () => platform.events('payment.refunded'),
      (events) => events.includes(done.id),
    );
  });

  it.each([
    ['nothing', undefined, 400],
    ['zero', 0, 400],
    ['a negative amount', -5, 400],
    ['half a cent', 1.5, 400],
    ['text', '5', 400],
  ])('refuses %s', async (_what, amount, status) => {
    const { body: paid } = await platform.pay();
    expect((await refund(paid.id, amount)).status).toBe(status);
    expect((await platform.request(`/v1/payments/${paid.id}/refunds`)).body.items).toEqual([]);
  });

  it('refuses a payment that failed or does not exist', async () => {
    const { body: declined } = await platform.pay({ customerId: 'blocked' });
    expect((await refund(declined.paymentId, 1)).body.code).toBe('BIZ_PAYMENT_NOT_REFUNDABLE');
    expect((await refund('nobody', 1)).status).toBe(404);
  });

  /** The channel books refunds under the charge they belong to. */
  async function chargeIdOf(paymentId: string): Promise<string> {
    const [charge] = await platform.effects('channel', { reference: paymentId });
    return charge!.id;
  }
});
