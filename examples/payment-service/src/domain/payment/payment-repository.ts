import type { Failure, Payment, PaymentStatus } from './payment.ts';

/** Where a list goes on: what came before it, newest first. */
export interface Page {
  limit: number;
  after?: { createdAt: Date; id: string } | undefined;
}

/** Runs SQL in whatever transaction its caller has opened; opens none itself. */
export interface PaymentRepository {
  add(payment: Payment): Promise<void>;
  find(id: string): Promise<Payment | undefined>;
  save(payment: Payment): Promise<void>;
  /** Keeps the reason on a pending payment whose failure is about to be decided. */
  noteFailure(id: string, failure: Failure): Promise<void>;
  list(
    page: Page,
    filter: { status?: PaymentStatus | undefined; customerId?: string | undefined },
  ): Promise<Payment[]>;
  /** Sets money aside for a refund; false when less than that is left, whoever else is refunding at the moment. */
  reserveRefund(id: string, amount: number, now: Date): Promise<boolean>;
  /** Turns a reservation into money given back; all of it given back makes the payment `refunded`. */
  finishRefund(id: string, amount: number, now: Date): Promise<void>;
  /** Gives a reservation back after a refund that did not happen. */
  releaseRefund(id: string, amount: number, now: Date): Promise<void>;
  /** Takes the payments into a settlement; gives those it took, which are none that another settlement has. */
  claimForSettlement(ids: readonly string[], settlementId: string, now: Date): Promise<Payment[]>;
}
