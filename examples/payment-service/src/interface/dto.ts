import type { z } from 'zod';
import type { Payment } from '../domain/payment/payment.ts';
import type { Refund } from '../domain/refund/refund.ts';
import type { Settlement } from '../domain/settlement/settlement.ts';
import type { paymentSchema, refundSchema, settlementSchema } from './schemas.ts';

export function toPaymentDto(payment: Payment): z.infer<typeof paymentSchema> {
  return {
    id: payment.id,
    status: payment.status,
    amount: payment.amount,
    currency: payment.currency,
    customerId: payment.customerId,
    ...(payment.description !== undefined && { description: payment.description }),
    refundedAmount: payment.refundedAmount,
    ...(payment.settlementId !== undefined && { settlementId: payment.settlementId }),
    ...outcome(payment),
  };
}

export function toRefundDto(refund: Refund): z.infer<typeof refundSchema> {
  return {
    id: refund.id,
    paymentId: refund.paymentId,
    status: refund.status,
    amount: refund.amount,
    currency: refund.currency,
    ...(refund.reason !== undefined && { reason: refund.reason }),
    ...outcome(refund),
  };
}

export function toSettlementDto(settlement: Settlement): z.infer<typeof settlementSchema> {
  return {
    id: settlement.id,
    status: settlement.status,
    ...(settlement.currency !== undefined && { currency: settlement.currency }),
    paymentIds: [...settlement.paymentIds],
    grossAmount: settlement.grossAmount,
    feeAmount: settlement.feeAmount,
    netAmount: settlement.netAmount,
    ...outcome(settlement),
  };
}

/** A note on a failure that may still turn out well stays inside until it is decided. */
const outcome = ({
  status,
  failure,
  createdAt,
  updatedAt,
}: Pick<Payment, 'failure' | 'createdAt' | 'updatedAt'> & { status: string }) => ({
  ...(status === 'failed' && failure && { code: failure.code, failure }),
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});
