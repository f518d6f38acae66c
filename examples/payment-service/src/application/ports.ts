import type { Money } from '../domain/money/money.ts';
import type { PaymentRepository } from '../domain/payment/payment-repository.ts';
import type { Payment } from '../domain/payment/payment.ts';
import type { RefundRepository } from '../domain/refund/refund-repository.ts';
import type { LedgerRepository } from '../domain/ledger/ledger.ts';
import type { SettlementRepository } from '../domain/settlement/settlement.ts';

export interface Repositories {
  payments: PaymentRepository;
  refunds: RefundRepository;
  settlements: SettlementRepository;
  ledger: LedgerRepository;
}

/** How a call to a partner is made: under a key that stays the same for every attempt. */
export interface PartnerCall {
  idempotencyKey: string;
  signal?: AbortSignal | undefined;
}

/** `undefined` from a lookup means that the partner surely did not do it. */
export interface RiskPartner {
  check(
    payment: Money & { paymentId: string; customerId: string },
    call: PartnerCall,
  ): Promise<'approve' | 'decline'>;
}

export interface OrderPartner {
  place(
    payment: Money & { paymentId: string; customerId: string },
    call: PartnerCall,
  ): Promise<{ orderId: string }>;
  find(idempotencyKey: string): Promise<{ orderId: string } | undefined>;
  /** Makes sure that an order which is not there yet never will be; gives the one that is. */
  revoke(idempotencyKey: string): Promise<{ orderId: string } | undefined>;
  cancel(orderId: string, call: PartnerCall): Promise<void>;
}

export interface ChannelPartner {
  charge(
    payment: Money & { paymentId: string; orderId: string },
    call: PartnerCall,
  ): Promise<{ chargeId: string }>;
  findCharge(idempotencyKey: string): Promise<{ chargeId: string } | undefined>;
  refund(
    refund: Money & { refundId: string; chargeId: string },
    call: PartnerCall,
  ): Promise<{ channelRefundId: string }>;
  findRefund(idempotencyKey: string): Promise<{ channelRefundId: string } | undefined>;
}

export interface Partners {
  risk: RiskPartner;
  order: OrderPartner;
  channel: ChannelPartner;
}

/** Payments that were read before; whoever writes makes it forget. */
export interface PaymentCache {
  read(id: string, load: () => Promise<Payment | undefined>): Promise<Payment | undefined>;
  forget(ids: readonly string[]): Promise<void>;
  warm(payments: readonly Payment[]): Promise<void>;
}

/** What the world is told; written in the transaction that made it true. */
export interface Events {
  add(topic: string, payload: Record<string, unknown>, key: string): Promise<void>;
}

export type PartnerErrorCode =
  | 'BIZ_PAYMENT_DECLINED'
  | 'BIZ_CARD_DECLINED'
  | 'BIZ_REFUND_REFUSED'
  | 'SYS_PARTNER_UNAVAILABLE'
  | 'SYS_PARTNER_TIMEOUT'
  | 'SYS_PARTNER_FAILED';

/**
 * A partner did not do what it was asked for, or nobody knows whether it did.
 *
 * What certainly did not happen carries no cause: sagas look through causes for a broken connection, and one of a lookup
 * that came later must not make them doubt.
 */
export class PartnerError extends Error {
  override readonly name = 'PartnerError';
  readonly code: PartnerErrorCode;
  /** `unknown`: the partner may have acted. */
  readonly outcome: 'not-done' | 'unknown';
  /** How the partner answered, if it did. */
  readonly httpStatus: number | undefined;

  constructor(
    code: PartnerErrorCode,
    message: string,
    options: { outcome: 'not-done' | 'unknown'; httpStatus?: number | undefined; cause?: unknown },
  ) {
    super(message, options.outcome === 'unknown' ? { cause: options.cause } : undefined);
    this.code = code;
    this.outcome = options.outcome;
    this.httpStatus = options.httpStatus;
  }
}
