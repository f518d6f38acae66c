import { describe, expect, it } from 'vitest';
import { booking } from '../src/domain/ledger/ledger.ts';
import { isCurrency } from '../src/domain/money/currencies.ts';
import { money, shareOf } from '../src/domain/money/money.ts';
import { createPayment, leftToRefund, markFailed, markPaid } from '../src/domain/payment/payment.ts';
import { createRefund } from '../src/domain/refund/refund.ts';
import { completeSettlement, openSettlement } from '../src/domain/settlement/settlement.ts';

const now = new Date('2026-11-21T12:00:00Z');
const later = new Date('2026-11-21T12:00:01Z');
const pending = createPayment({ id: 'p1', amount: 1_000, currency: 'EUR', customerId: 'c1' }, now);
const paid = markPaid(pending, { orderId: 'o1', chargeId: 'ch1' }, later);
const declined = markFailed(pending, { code: 'BIZ_CARD_DECLINED', message: 'no' }, later);

describe('money', () => {
  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('is never %d', (amount) => {
    expect(() => money(amount, 'EUR')).toThrow('positive integer');
  });

  it.each(['eur', 'EURO', '', 'XXX', 'XTS', 'XAU', 'DEM'])('has no currency %j', (currency) => {
    expect(isCurrency(currency)).toBe(false);
    expect(() => money(1, currency)).toThrow('ISO 4217');
  });

  it.each([
    [3_333, 150, 50],
    [1, 5_000, 1],
    [1, 4_999, 0],
    [100, 0, 0],
    [100, 10_000, 100],
    [9_007_199_254_740_991, 1, 900_719_925_474],
  ])('%d at %d basis points is %d, half rounded up and exact', (amount, points, share) => {
    expect(shareOf(amount, points)).toBe(share);
  });
});

describe('a payment', () => {
  it('is pending, then paid, and paying it again changes nothing', () => {
    expect(pending.status).toBe('pending');
    expect(paid).toMatchObject({ status: 'paid', orderId: 'o1', chargeId: 'ch1', updatedAt: later });
    expect(markPaid(paid, { orderId: 'o1', chargeId: 'ch1' }, later)).toBe(paid);
  });

  it('that failed cannot become paid, and one that is paid cannot fail', () => {
    expect(declined).toMatchObject({ status: 'failed', failure: { code: 'BIZ_CARD_DECLINED' } });
    expect(() => markPaid(declined, { orderId: 'o', chargeId: 'c' }, later)).toThrow('cannot become paid');
    expect(() => markFailed(paid, { code: 'X', message: '' }, later)).toThrow('cannot become failed');
  });

  it('forgets a note on a failure once it is paid', () => {
    const noted = { ...pending, failure: { code: 'SYS_PARTNER_TIMEOUT', message: 'slow' } };
    expect(markPaid(noted, { orderId: 'o', chargeId: 'c' }, later).failure).toBeUndefined();
  });
});

describe('a refund', () => {
  it('counts what went back and what is on its way', () => {
    const partly = { ...paid, refundedAmount: 300, refundingAmount: 200 };
    expect(leftToRefund(partly)).toBe(500);
    expect(createRefund(partly, { id: 'r1', amount: 500 }, now)).toMatchObject({
      amount: 500,
      currency: 'EUR',
    });
    expect(() => createRefund(partly, { id: 'r1', amount: 501 }, now)).toThrow('larger than what is left');
  });

  it.each([pending, declined])('is refused for a $status payment', (payment) => {
    expect(() => createRefund(payment, { id: 'r1', amount: 1 }, now)).toThrow('cannot be refunded');
  });
});

describe('a settlement', () => {
  it('takes the fee from what was not refunded', () => {
    const settlement = openSettlement('s1', [paid, { ...paid, id: 'p2', refundedAmount: 400 }], 250, now);
    expect(settlement).toMatchObject({
      status: 'processing',
      grossAmount: 1_600,
      feeAmount: 40,
      netAmount: 1_560,
    });
    expect(completeSettlement(settlement, later).status).toBe('completed');
  });

  it('needs payments, of one currency', () => {
    expect(() => openSettlement('s1', [], 0, now)).toThrow('no payment is left');
    expect(() => openSettlement('s1', [paid, { ...paid, currency: 'USD' }], 0, now)).toThrow('one currency');
  });
});

describe('a booking', () => {
  const head = { id: 'b1', kind: 'payment', reference: 'p1', currency: 'EUR' } as const;

  it('takes from one account what it gives to another', () => {
    const { entries } = booking(head, 700, { from: 'merchant', to: 'channel' });
    expect(entries).toEqual([
      { account: 'channel', amount: 700 },
      { account: 'merchant', amount: -700 },
    ]);
  });

  it('is refused when it would not sum to zero', () => {
    expect(() => booking(head, Number.NaN, { from: 'merchant', to: 'channel' })).toThrow('sum to zero');
    expect(() => booking(head, 0.1, { from: 'merchant', to: 'channel' })).toThrow('sum to zero');
  });
});
