import type { Page } from '../payment/payment-repository.ts';
import type { Failure } from '../payment/payment.ts';
import type { Refund } from './refund.ts';

export interface RefundRepository {
  add(refund: Refund): Promise<void>;
  find(id: string): Promise<Refund | undefined>;
  save(refund: Refund): Promise<void>;
  /** Keeps the reason on a pending refund whose failure is about to be decided. */
  noteFailure(id: string, failure: Failure): Promise<void>;
  listOfPayment(paymentId: string, page: Page): Promise<Refund[]>;
}
