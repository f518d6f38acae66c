import { commonErrors, defineErrors } from '@kit/errors';

const rule = (status: number, title: string) =>
  ({ status, title, grpc: 'FAILED_PRECONDITION', retryable: false, expose: true }) as const;
const partner = (status: number, title: string, grpc: 'UNAVAILABLE' | 'DEADLINE_EXCEEDED') =>
  ({ status, title, grpc, retryable: true, expose: true }) as const;

/** Every code this service answers with. docs/errors.md and /docs are generated from it. */
export const errors = defineErrors(
  {
    VAL_IDEMPOTENCY_KEY: {
      status: 400,
      title: 'Idempotency-Key missing or malformed',
      grpc: 'INVALID_ARGUMENT',
      retryable: false,
      expose: true,
    },
    VAL_IDEMPOTENCY_KEY_REUSED: rule(422, 'Idempotency-Key used before with another body'),
    RES_IDEMPOTENCY_IN_PROGRESS: rule(409, 'A request with this Idempotency-Key is under way'),
    VAL_INVALID_AMOUNT: rule(400, 'Invalid amount'),
    VAL_UNKNOWN_CURRENCY: rule(400, 'Unknown currency'),
    BIZ_PAYMENT_DECLINED: rule(422, 'Payment declined'),
    BIZ_CARD_DECLINED: rule(402, 'Card declined'),
    BIZ_PAYMENT_STATE: rule(409, 'Payment is in another state'),
    BIZ_PAYMENT_NOT_REFUNDABLE: rule(409, 'Payment cannot be refunded'),
    BIZ_REFUND_EXCEEDS_PAYMENT: rule(422, 'Refund exceeds the payment'),
    BIZ_REFUND_REFUSED: rule(422, 'Refund refused by the channel'),
    BIZ_NOTHING_TO_SETTLE: rule(422, 'Nothing to settle'),
    BIZ_SETTLEMENT_CURRENCIES: rule(422, 'Payments of different currencies'),
    BIZ_PAYMENTS_NOT_SETTLEABLE: rule(409, 'Payments cannot be settled'),
    SYS_LEDGER_UNBALANCED: {
      status: 500,
      title: 'Ledger unbalanced',
      grpc: 'INTERNAL',
      retryable: false,
      expose: false,
    },
    SYS_PARTNER_UNAVAILABLE: partner(503, 'Partner unavailable', 'UNAVAILABLE'),
    SYS_PARTNER_TIMEOUT: partner(504, 'Partner too slow', 'DEADLINE_EXCEEDED'),
    SYS_PARTNER_FAILED: partner(502, 'Partner failed', 'UNAVAILABLE'),
  },
  { base: commonErrors },
);
