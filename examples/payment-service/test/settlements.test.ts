import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { allEngines, platformOn } from './engines.ts';
import { eventually } from './platform.ts';

describe.each(allEngines)('settlements, on $engine', ({ start }) => {
  const platform = platformOn(start, { FEE_BASIS_POINTS: '150' });

  const settle = (paymentIds: unknown, key: string = randomUUID()) =>
    platform.request('/v1/settlements', { json: { paymentIds }, headers: { 'idempotency-key': key } });
  const paid = async (amount: number, currency = 'EUR') =>
    (await platform.pay({ amount, currency })).body.id as string;
  const balances = async (): Promise<{ currency: string; account: string; balance: number }[]> =>
    (await platform.request('/v1/ledger/balances')).body.items;

  it('pays out the payments less the fee, rounded half up', async () => {
    const ids = [await paid(1_000, 'CHF'), await paid(2_333, 'CHF')];
    const settled = await settle(ids);
    expect(settled.status).toBe(201);
    // 1.5 % of 3333 is 49.995
    expect(settled.body).toMatchObject({
      status: 'completed',
      currency: 'CHF',
      grossAmount: 3_333,
      feeAmount: 50,
      netAmount: 3_283,
    });
    expect(settled.body.paymentIds.toSorted()).toEqual(ids.toSorted());
    const books = (await balances()).filter(({ currency }) => currency === 'CHF');
    expect(Object.fromEntries(books.map(({ account, balance }) => [account, balance]))).toEqual({
      channel: 3_333,
      fees: -50,
      merchant: 0,
      payouts: -3_283,
    });
    expect((await platform.request(settled.headers.get('location')!)).body).toEqual(settled.body);
  });

  it('leaves out what was refunded', async () => {
    const id = await paid(1_000, 'SEK');
    await platform.request(`/v1/payments/${id}/refunds`, {
      json: { amount: 400 },
      headers: { 'idempotency-key': randomUUID() },
    });
    expect((await settle([id])).body).toMatchObject({ grossAmount: 600, feeAmount: 9, netAmount: 591 });
  });

  it('settles a payment once, also when two settlements come at once', async () => {
    const id = await paid(5_000);
    const answers = await Promise.all([settle([id]), settle([id]), settle([id])]);
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['201', '409', '409']);
    expect(answers.find(({ status }) => status === 409)!.body).toMatchObject({
      code: 'BIZ_PAYMENTS_NOT_SETTLEABLE',
      details: { paymentIds: [id] },
    });
  });

  it('does all of it or nothing: one stranger among the payments, and the books stay as they were', async () => {
    const good = await paid(700);
    const before = await balances();
    const refused = await settle([good, 'a-stranger']);
    expect(refused.status).toBe(409);
    expect(await balances()).toEqual(before);
    const { body: list } = await platform.request('/v1/settlements?limit=1');
    expect(list.items).toMatchObject([
      { status: 'failed', code: 'BIZ_PAYMENTS_NOT_SETTLEABLE', grossAmount: 0, paymentIds: [] },
    ]);
    expect((await settle([good])).status).toBe(201);
  });

  it('refuses two currencies in one settlement', async () => {
    const refused = await settle([await paid(100), await paid(100, 'NOK')]);
    expect(refused.body.code).toBe('BIZ_SETTLEMENT_CURRENCIES');
  });

  it('gives the same settlement for the same key', async () => {
    const id = await paid(900);
    const [first, second] = [await settle([id], 'settle-once'), await settle([id], 'settle-once')];
    expect(second.status).toBe(201);
    expect(second.body).toEqual(first.body);
  });

  it('refuses the same key for other payments, and notes no failure for it', async () => {
    await settle([await paid(100)], 'settle-other');
    const { body: before } = await platform.request('/v1/settlements?limit=1');
    const refused = await settle([await paid(100)], 'settle-other');
    expect(refused.status).toBe(422);
    expect(refused.body.code).toBe('VAL_IDEMPOTENCY_KEY_REUSED');
    expect((await platform.request('/v1/settlements?limit=1')).body).toEqual(before);
  });

  it('gives one settlement to those who come at once with one key', async () => {
    const id = await paid(700);
    const answers = await Promise.all([1, 2, 3].map(() => settle([id], 'at-once')));
    const done = answers.filter(({ status }) => status === 201);
    expect(done.length).toBeGreaterThan(0);
    expect(new Set(done.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
  });

  it('tells the world through the outbox', async () => {
    const { body } = await settle([await paid(100)]);
    await eventually(
      () => platform.events('settlement.completed'),
      (events) => events.includes(body.id),
    );
  });

  it('keeps every currency at zero', async () => {
    const sums = new Map<string, number>();
    for (const { currency, balance } of await balances())
      sums.set(currency, (sums.get(currency) ?? 0) + balance);
    expect([...sums.values()].every((sum) => sum === 0)).toBe(true);
    expect(sums.size).toBeGreaterThan(2);
  });

  it.each([
    ['nothing', undefined],
    ['an empty list', []],
    ['a text', 'pay-1'],
    ['a payment named twice', ['a', 'a']],
    ['501 payments', Array.from({ length: 501 }, (_, n) => `p${n}`)],
  ])('refuses %s', async (_what, paymentIds) => {
    expect((await settle(paymentIds)).status).toBe(400);
  });
});
