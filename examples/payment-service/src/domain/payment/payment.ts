import { DomainError } from '../domain-error.ts';
import { type Money, money } from '../money/money.ts';

export type PaymentStatus = 'pending' | 'paid' | 'failed' | 'refunded';

/** Why something failed: a code for programs, a sentence for people. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** A payment is created once, becomes paid or failed, and is never deleted. */
export interface Payment extends Money {
  readonly id: string;
  readonly customerId: string;
  readonly description: string | undefined;
  readonly status: PaymentStatus;
  readonly failure: Failure | undefined;
  readonly orderId: string | undefined;
  readonly chargeId: string | undefined;
  /** Minor units that went back to the customer. */
  readonly refundedAmount: number;
  /** Minor units set aside for refunds under way. */
  readonly refundingAmount: number;
  readonly settlementId: string | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface NewPayment {
  id: string;
  amount: number;
  currency: string;
  customerId: string;
  description?: string | undefined;
}

export function createPayment(input: NewPayment, now: Date): Payment {
  return {
    id: input.id,
    ...money(input.amount, input.currency),
    customerId: input.customerId,
    description: input.description,
    status: 'pending',
    failure: undefined,
    orderId: undefined,
    chargeId: undefined,
    refundedAmount: 0,
    refundingAmount: 0,
    settlementId: undefined,
    createdAt: now,
    updatedAt: now,
  };
}

/** The money has arrived. Paying a paid payment again changes nothing. */
export function markPaid(payment: Payment, by: { orderId: string; chargeId: string }, now: Date): Payment {
  if (payment.status === 'paid' && payment.chargeId === by.chargeId) return payment;
  assertPending(payment, 'paid');
  return { ...payment, ...by, status: 'paid', failure: undefined, updatedAt: now };
}

/** The payment did not come to be; the reason is kept with it. */
export function markFailed(payment: Payment, failure: Failure, now: Date): Payment {
  if (payment.status === 'failed') return payment;
  assertPending(payment, 'failed');
  return { ...payment, status: 'failed', failure, updatedAt: now };
}

/** What can still be refunded. */
export const leftToRefund = (payment: Payment): number =>
  payment.amount - payment.refundedAmount - payment.refundingAmount;

function assertPending(payment: Payment, wanted: PaymentStatus): void {
  if (payment.status === 'pending') return;
  throw new DomainError(
    'BIZ_PAYMENT_STATE',
    `payment ${payment.id} is ${payment.status} and cannot become ${wanted}`,
    { paymentId: payment.id, status: payment.status },
  );
}
