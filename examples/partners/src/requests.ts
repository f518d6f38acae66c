import { commonErrors, defineErrors } from '@kit/errors';
import type { Request } from 'express';
import { z } from 'zod';

/** What every partner's caller sends along. */
export const moneySchema = z.object({
  amount: z.number().int().positive().max(Number.MAX_SAFE_INTEGER),
  currency: z.string().regex(/^[A-Z]{3}$/),
});

export const partnerErrors = defineErrors(
  {
    BIZ_CARD_DECLINED: { status: 402, title: 'Card declined', grpc: 'FAILED_PRECONDITION', expose: true },
    BIZ_KEY_VOIDED: {
      status: 409,
      title: 'Idempotency key voided',
      grpc: 'FAILED_PRECONDITION',
      expose: true,
    },
    BIZ_REFUND_TOO_LARGE: {
      status: 422,
      title: 'Refund too large',
      grpc: 'FAILED_PRECONDITION',
      expose: true,
    },
    VAL_IDEMPOTENCY_KEY_REUSED: {
      status: 422,
      title: 'Idempotency key reused',
      grpc: 'FAILED_PRECONDITION',
      expose: true,
    },
  },
  { base: commonErrors },
);

/** A partner does nothing without a key to do it under. */
export function idempotencyKeyOf(req: Request): string {
  const key = req.get('idempotency-key');
  if (!key || key.length > 200) {
    throw partnerErrors.VAL_REQUIRED_FIELD({ field: 'Idempotency-Key' });
  }
  return key;
}
