import type { AmbientKnex } from '@kit/tx';
import type { Settlement, SettlementRepository, SettlementStatus } from '../domain/settlement/settlement.ts';
import { failureColumns, failureFrom, newestFirst } from './rows.ts';

interface SettlementRow {
  id: string;
  currency: string | null;
  status: SettlementStatus;
  gross_amount: number | string;
  fee_amount: number | string;
  net_amount: number | string;
  failure_code: string | null;
  failure_message: string | null;
  created_at: number | string;
  updated_at: number | string;
}

export function createSettlementRepository(db: AmbientKnex): SettlementRepository {
  const settlements = () => db<SettlementRow>('settlements');

  const withPayments = async (rows: SettlementRow[]): Promise<Settlement[]> => {
    const payments: { id: string; settlement_id: string }[] = await db('payments')
      .select('id', 'settlement_id')
      .whereIn(
        'settlement_id',
        rows.map(({ id }) => id),
      )
      .orderBy('id');
    return rows.map((row) =>
      fromRow(
        row,
        payments.filter((payment) => payment.settlement_id === row.id).map(({ id }) => id),
      ),
    );
  };

  return {
    async add(settlement) {
      await settlements().insert(toRow(settlement));
    },
    async find(id) {
      const row = await settlements().where({ id }).first();
      return row && (await withPayments([row]))[0];
    },
    async save(settlement) {
      const { id, ...columns } = toRow(settlement);
      await settlements().where({ id }).update(columns);
    },
    async list(page) {
      return withPayments(await newestFirst(settlements(), page));
    },
  };
}

function toRow(settlement: Settlement) {
  return {
    id: settlement.id,
    currency: settlement.currency ?? null,
    status: settlement.status,
    gross_amount: settlement.grossAmount,
    fee_amount: settlement.feeAmount,
    net_amount: settlement.netAmount,
    ...failureColumns(settlement.failure),
    created_at: settlement.createdAt.getTime(),
    updated_at: settlement.updatedAt.getTime(),
  };
}

function fromRow(row: SettlementRow, paymentIds: string[]): Settlement {
  return {
    id: row.id,
    currency: row.currency ?? undefined,
    status: row.status,
    paymentIds,
    grossAmount: Number(row.gross_amount),
    feeAmount: Number(row.fee_amount),
    netAmount: Number(row.net_amount),
    failure: failureFrom(row),
    createdAt: new Date(Number(row.created_at)),
    updatedAt: new Date(Number(row.updated_at)),
  };
}
