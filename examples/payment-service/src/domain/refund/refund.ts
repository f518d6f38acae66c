import { type Failure, leftToRefund, type Payment } from '../payment/payment.ts';
import { DomainError } from '../domain-error.ts';
import { type Money, money } from '../money/money.ts';

export type RefundStatus = 'pending' | 'refunded' | 'failed';

/** Money on its way back to the customer of one payment. */
export interface Refund extends Money {
  readonly id: string;
  readonly paymentId: string;
  readonly reason: string | undefined;
  readonly status: RefundStatus;
  readonly failure: Failure | undefined;
  readonly channelRefundId: string | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface NewRefund {
  id: string;
  amount: number;
  reason?: string | undefined;
}

/** @throws DomainError `BIZ_PAYMENT_NOT_REFUNDABLE`, `BIZ_REFUND_EXCEEDS_PAYMENT` */
export function createRefund(payment: Payment, input: NewRefund, now: Date): Refund {
  if (payment.status !== 'paid' && payment.status !== 'refunded') {
    throw new DomainError('BIZ_PAYMENT_NOT_REFUNDABLE', `a ${payment.status} payment cannot be refunded`, {
      paymentId: payment.id,
      status: payment.status,
    });
  }
  const { amount, currency } = money(input.amount, payment.currency);
  if (amount > leftToRefund(payment)) throw refundTooLarge(payment, amount);
  return {
    id: input.id,
    paymentId: payment.id,
    amount,
    currency,
    reason: input.reason,
    status: 'pending',
    failure: undefined,
    channelRefundId: undefined,
    createdAt: now,
    updatedAt: now,
  };
}

export function markRefunded(refund: Refund, channelRefundId: string, now: Date): Refund {
  return { ...refund, status: 'refunded', channelRefundId, failure: undefined, updatedAt: now };
}

export function markRefundFailed(refund: Refund, failure: Failure, now: Date): Refund {
  return { ...refund, status: 'failed', failure, updatedAt: now };
}

export function refundTooLarge(payment: Payment, amount: number): DomainError {
  return new DomainError(
    'BIZ_REFUND_EXCEEDS_PAYMENT',
    'the refund is larger than what is left of the payment',
    {
      paymentId: payment.id,
      requested: amount,
      left: leftToRefund(payment),
    },
  );
}
