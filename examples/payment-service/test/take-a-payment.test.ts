import { describe, expect, it } from 'vitest';
import { allEngines, platformOn } from './engines.ts';

describe.each(allEngines)('taking a payment, on $engine', ({ start }) => {
  const platform = platformOn(start);

  it('answers 201 with the paid payment and where to find it', async () => {
    const paid = await platform.pay({ amount: 1_999, description: 'two books' });
    expect(paid.status).toBe(201);
    expect(paid.body).toMatchObject({
      status: 'paid',
      amount: 1_999,
      currency: 'EUR',
      customerId: 'customer-1',
      description: 'two books',
      refundedAmount: 0,
    });
    const found = await platform.request(paid.headers.get('location')!);
    expect(found.status).toBe(200);
    expect(found.body).toEqual(paid.body);
  });

  it('asks the risk check, places one order and charges once', async () => {
    const { body } = await platform.pay({ amount: 777 });
    for (const [partner, kind] of [
      ['risk', 'risk-check'],
      ['order', 'order'],
      ['channel', 'charge'],
    ] as const) {
      const effects = await platform.effects(partner, { reference: body.id });
      expect(effects).toMatchObject([{ kind, amount: 777, deliveries: 1 }]);
    }
  });

  it('gives the same payment for the same key, and charges nobody twice', async () => {
    const first = await platform.pay({ amount: 300 }, 'the-same-key');
    const second = await platform.pay({ amount: 300 }, 'the-same-key');
    expect(second.status).toBe(201);
    expect(second.body.id).toBe(first.body.id);
    expect(await platform.effects('channel', { reference: first.body.id })).toHaveLength(1);
  });

  it('gives the same payment to ten callers who come at once with one key', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => platform.pay({}, 'ten-at-once')));
    const ids = new Set(answers.map(({ body }) => body.id));
    expect(ids.size).toBe(1);
    expect(await platform.effects('channel', { reference: [...ids][0]! })).toHaveLength(1);
  });

  it('refuses the same key with another body', async () => {
    await platform.pay({ amount: 100 }, 'reused');
    const other = await platform.pay({ amount: 200 }, 'reused');
    expect(other.status).toBe(422);
    expect(other.body.code).toBe('VAL_IDEMPOTENCY_KEY_REUSED');
  });

  it('lists payments newest first, page by page, without losing or repeating one', async () => {
    const customerId = 'lists-them';
    const made: string[] = [];
    for (let n = 0; n < 5; n += 1) made.push((await platform.pay({ customerId })).body.id);
    const seen: string[] = [];
    let next = `/v1/payments?customerId=${customerId}&limit=2`;
    for (let page = 0; page < 5 && next; page += 1) {
      const { body } = await platform.request(next);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      next = body.nextCursor ? `/v1/payments?customerId=${customerId}&limit=2&cursor=${body.nextCursor}` : '';
    }
    expect(seen.toSorted()).toEqual(made.toSorted());
  });

  it('answers 404 for a payment that does not exist', async () => {
    const { status, body, headers } = await platform.request('/v1/payments/0b7e8a2e-nobody');
    expect(status).toBe(404);
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(body).toMatchObject({ code: 'RES_NOT_FOUND', status: 404 });
  });

  it('keeps the books in balance', async () => {
    const { body } = await platform.request('/v1/ledger/balances');
    const sum = body.items
      .filter(({ currency }: { currency: string }) => currency === 'EUR')
      .reduce((total: number, { balance }: { balance: number }) => total + balance, 0);
    expect(body.items.length).toBeGreaterThan(0);
    expect(sum).toBe(0);
  });
});
