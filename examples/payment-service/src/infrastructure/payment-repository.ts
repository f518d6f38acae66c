import type { AmbientKnex } from '@kit/tx';
import type { PaymentRepository } from '../domain/payment/payment-repository.ts';
import type { Payment, PaymentStatus } from '../domain/payment/payment.ts';
import { failureColumns, failureFrom, newestFirst } from './rows.ts';

interface PaymentRow {
  id: string;
  amount: number | string;
  currency: string;
  customer_id: string;
  description: string | null;
  status: PaymentStatus;
  failure_code: string | null;
  failure_message: string | null;
  order_id: string | null;
  charge_id: string | null;
  refunded_amount: number | string;
  refunding_amount: number | string;
  settlement_id: string | null;
  created_at: number | string;
  updated_at: number | string;
}

/** `db` is the manager's ambient knex: the transaction of the moment, or the pool. */
export function createPaymentRepository(db: AmbientKnex): PaymentRepository {
  const payments = () => db<PaymentRow>('payments');
  return {
    async add(payment) {
      await payments().insert(toRow(payment));
    },
    async find(id) {
      const row = await payments().where({ id }).first();
      return row && fromRow(row);
    },
    async save(payment) {
      // What refunds and settlements count is theirs to write.
      await payments().where({ id: payment.id }).update(outcomeColumns(payment));
    },
    async noteFailure(id, failure) {
      await payments().where({ id, status: 'pending' }).update(failureColumns(failure));
    },
    async list(page, { status, customerId }) {
      const query = newestFirst(payments(), page);
      if (status !== undefined) void query.where({ status });
      if (customerId !== undefined) void query.where({ customer_id: customerId });
      return (await query).map(fromRow);
    },
    async reserveRefund(id, amount, now) {
      const changed = await payments()
        .where({ id, status: 'paid' })
        .whereRaw('refunded_amount + refunding_amount + ? <= amount', [amount])
        .update({ refunding_amount: db.raw('refunding_amount + ?', [amount]), updated_at: now.getTime() });
      return changed === 1;
    },
    async finishRefund(id, amount, now) {
      await payments()
        .where({ id })
        .update({
          refunding_amount: db.raw('refunding_amount - ?', [amount]),
          refunded_amount: db.raw('refunded_amount + ?', [amount]),
          updated_at: now.getTime(),
        });
      await payments()
        .where({ id, status: 'paid' })
        .whereRaw('refunded_amount = amount')
        .update({ status: 'refunded' });
    },
    async releaseRefund(id, amount, now) {
      await payments()
        .where({ id })
        .update({ refunding_amount: db.raw('refunding_amount - ?', [amount]), updated_at: now.getTime() });
    },
    async claimForSettlement(ids, settlementId, now) {
      await payments()
        .whereIn('id', [...ids])
        // A refund under way may still fail: its payment waits for the next settlement.
        .where({ status: 'paid', refunding_amount: 0 })
        .whereNull('settlement_id')
        .update({ settlement_id: settlementId, updated_at: now.getTime() });
      const claimed = await payments().where({ settlement_id: settlementId }).orderBy('id');
      return claimed.map(fromRow);
    },
  };
}

function toRow(payment: Payment) {
  return {
    id: payment.id,
    amount: payment.amount,
    currency: payment.currency,
    customer_id: payment.customerId,
    description: payment.description ?? null,
    ...outcomeColumns(payment),
    refunded_amount: payment.refundedAmount,
    refunding_amount: payment.refundingAmount,
    settlement_id: payment.settlementId ?? null,
    created_at: payment.createdAt.getTime(),
  };
}

/** What `markPaid` and `markFailed` change; what refunds and settlements count is written by them alone. */
const outcomeColumns = (payment: Payment) => ({
  status: payment.status,
  ...failureColumns(payment.failure),
  order_id: payment.orderId ?? null,
  charge_id: payment.chargeId ?? null,
  updated_at: payment.updatedAt.getTime(),
});

/** pg gives 64-bit integers as text; ours fit a number. */
function fromRow(row: PaymentRow): Payment {
  return {
    id: row.id,
    amount: Number(row.amount),
    currency: row.currency,
    customerId: row.customer_id,
    description: row.description ?? undefined,
    status: row.status,
    failure: failureFrom(row),
    orderId: row.order_id ?? undefined,
    chargeId: row.charge_id ?? undefined,
    refundedAmount: Number(row.refunded_amount),
    refundingAmount: Number(row.refunding_amount),
    settlementId: row.settlement_id ?? undefined,
    createdAt: new Date(Number(row.created_at)),
    updatedAt: new Date(Number(row.updated_at)),
  };
}
