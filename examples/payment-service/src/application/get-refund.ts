import type { TransactionManager } from '@kit/tx';
import { DomainError } from '../domain/domain-error.ts';
import type { Page } from '../domain/payment/payment-repository.ts';
import type { Refund } from '../domain/refund/refund.ts';
import { paymentNotFound } from './get-payment.ts';
import type { Repositories } from './ports.ts';

export interface RefundQueries {
  get(paymentId: string, id: string): Promise<Refund>;
  listOfPayment(paymentId: string, page: Page): Promise<Refund[]>;
}

export function refundQueries(
  tm: TransactionManager,
  { payments, refunds }: Pick<Repositories, 'payments' | 'refunds'>,
): RefundQueries {
  return {
    get: (paymentId, id) =>
      tm.read(async () => {
        const refund = await refunds.find(id);
        if (refund?.paymentId !== paymentId) {
          throw new DomainError('RES_NOT_FOUND', 'there is no such refund', { paymentId, refundId: id });
        }
        return refund;
      }),
    listOfPayment: (paymentId, page) =>
      tm.read(async () => {
        if (!(await payments.find(paymentId))) throw paymentNotFound(paymentId);
        return refunds.listOfPayment(paymentId, page);
      }),
  };
}
