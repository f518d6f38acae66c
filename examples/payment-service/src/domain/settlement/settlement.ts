import { DomainError } from '../domain-error.ts';
import { shareOf } from '../money/money.ts';
import type { Failure, Payment } from '../payment/payment.ts';

export type SettlementStatus = 'processing' | 'completed' | 'failed';

/** Pays out what customers have paid, less the fee. */
export interface Settlement {
  readonly id: string;
  /** Unknown when it failed before its payments were read. */
  readonly currency: string | undefined;
  readonly status: SettlementStatus;
  readonly paymentIds: readonly string[];
  readonly grossAmount: number;
  readonly feeAmount: number;
  readonly netAmount: number;
  readonly failure: Failure | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** @throws DomainError `BIZ_NOTHING_TO_SETTLE`, `BIZ_SETTLEMENT_CURRENCIES` */
export function openSettlement(
  id: string,
  payments: readonly Payment[],
  feeBasisPoints: number,
  now: Date,
): Settlement {
  const [first] = payments;
  if (!first) throw new DomainError('BIZ_NOTHING_TO_SETTLE', 'no payment is left to settle');
  if (payments.some(({ currency }) => currency !== first.currency)) {
    throw new DomainError('BIZ_SETTLEMENT_CURRENCIES', 'a settlement has one currency');
  }
  const grossAmount = payments.reduce((sum, payment) => sum + payment.amount - payment.refundedAmount, 0);
  if (!Number.isSafeInteger(grossAmount)) {
    throw new DomainError('VAL_INVALID_AMOUNT', 'the sum of the payments is too large');
  }
  const feeAmount = shareOf(grossAmount, feeBasisPoints);
  return {
    id,
    currency: first.currency,
    status: 'processing',
    paymentIds: payments.map((payment) => payment.id),
    grossAmount,
    feeAmount,
    netAmount: grossAmount - feeAmount,
    failure: undefined,
    createdAt: now,
    updatedAt: now,
  };
}

export function completeSettlement(settlement: Settlement, now: Date): Settlement {
  return { ...settlement, status: 'completed', updatedAt: now };
}

/** What is kept of a settlement that did not come to be: nothing of it is in the books. */
export function failSettlement(id: string, failure: Failure, now: Date): Settlement {
  return {
    id,
    currency: undefined,
    status: 'failed',
    paymentIds: [],
    grossAmount: 0,
    feeAmount: 0,
    netAmount: 0,
    failure,
    createdAt: now,
    updatedAt: now,
  };
}

export interface SettlementRepository {
  add(settlement: Settlement): Promise<void>;
  find(id: string): Promise<Settlement | undefined>;
  save(settlement: Settlement): Promise<void>;
  list(page: { limit: number; after?: { createdAt: Date; id: string } | undefined }): Promise<Settlement[]>;
}
