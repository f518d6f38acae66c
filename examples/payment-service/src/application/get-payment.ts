import type { TransactionManager } from '@kit/tx';
import { DomainError } from '../domain/domain-error.ts';
import type { Page, PaymentRepository } from '../domain/payment/payment-repository.ts';
import type { Payment, PaymentStatus } from '../domain/payment/payment.ts';
import type { PaymentCache } from './ports.ts';

export interface PaymentQueries {
  get(id: string): Promise<Payment>;
  list(
    page: Page,
    filter: { status?: PaymentStatus | undefined; customerId?: string | undefined },
  ): Promise<Payment[]>;
  /** Puts the newest payments where the next reader finds them at once. */
  warmUp(count: number): Promise<void>;
}

/** The reading side of payments: no transaction, a replica where there is one. */
export function paymentQueries(
  tm: TransactionManager,
  payments: PaymentRepository,
  cache: PaymentCache,
): PaymentQueries {
  return {
    async get(id) {
      const payment = await cache.read(id, () => tm.read(() => payments.find(id)));
      if (!payment) throw paymentNotFound(id);
      return payment;
    },
    list: (page, filter) => tm.read(() => payments.list(page, filter)),
    async warmUp(count) {
      await cache.warm(await tm.read(() => payments.list({ limit: count }, {})));
    },
  };
}

export const paymentNotFound = (id: string): DomainError =>
  new DomainError('RES_NOT_FOUND', 'there is no such payment', { paymentId: id });
