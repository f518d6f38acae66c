import type { AmbientKnex } from '@kit/tx';
import type { RefundRepository } from '../domain/refund/refund-repository.ts';
import type { Refund, RefundStatus } from '../domain/refund/refund.ts';
import { failureColumns, failureFrom, newestFirst } from './rows.ts';

interface RefundRow {
  id: string;
  payment_id: string;
  amount: number | string;
  currency: string;
  reason: string | null;
  status: RefundStatus;
  failure_code: string | null;
  failure_message: string | null;
  channel_refund_id: string | null;
  created_at: number | string;
  updated_at: number | string;
}

export function createRefundRepository(db: AmbientKnex): RefundRepository {
  const refunds = () => db<RefundRow>('refunds');
  return {
    async add(refund) {
      await refunds().insert(toRow(refund));
    },
    async find(id) {
      const row = await refunds().where({ id }).first();
      return row && fromRow(row);
    },
    async save(refund) {
      const { id, ...columns } = toRow(refund);
      await refunds().where({ id }).update(columns);
    },
    async noteFailure(id, failure) {
      await refunds().where({ id, status: 'pending' }).update(failureColumns(failure));
    },
    async listOfPayment(paymentId, page) {
      const rows = await newestFirst(refunds().where({ payment_id: paymentId }), page);
      return rows.map(fromRow);
    },
  };
}

function toRow(refund: Refund) {
  return {
    id: refund.id,
    payment_id: refund.paymentId,
    amount: refund.amount,
    currency: refund.currency,
    reason: refund.reason ?? null,
    status: refund.status,
    ...failureColumns(refund.failure),
    channel_refund_id: refund.channelRefundId ?? null,
    created_at: refund.createdAt.getTime(),
    updated_at: refund.updatedAt.getTime(),
  };
}

function fromRow(row: RefundRow): Refund {
  return {
    id: row.id,
    paymentId: row.payment_id,
    amount: Number(row.amount),
    currency: row.currency,
    reason: row.reason ?? undefined,
    status: row.status,
    failure: failureFrom(row),
    channelRefundId: row.channel_refund_id ?? undefined,
    createdAt: new Date(Number(row.created_at)),
    updatedAt: new Date(Number(row.updated_at)),
  };
}
