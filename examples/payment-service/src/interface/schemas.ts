import { z } from 'zod';
import { isCurrency } from '../domain/money/currencies.ts';

/** Larger amounts are mistakes, and their sums stay exact. */
const maxAmount = 1_000_000_000_000;

const amount = z
  .int()
  .positive()
  .max(maxAmount)
  .meta({ description: 'Minor units of the currency: cents, yen', example: 1_250 });
const currency = z
  .string()
  .refine(isCurrency, 'is no ISO 4217 currency')
  .meta({ description: 'ISO 4217, upper case', example: 'EUR' });
/** What every engine can keep: PostgreSQL knows no NUL, and half a surrogate pair is no character anywhere. */
export const storable = z
  .string()
  .refine((value) => !value.includes('\0') && value.isWellFormed(), 'has characters that cannot be kept');
const text = (max: number) => storable.trim().min(1).max(max);
/** Visible ASCII: anything else leads to nothing. */
const id = z.string().regex(/^[\x21-\x7e]{1,64}$/, 'must be 1 to 64 visible ASCII characters');
const failure = z.object({ code: z.string(), message: z.string() });
const timestamps = { createdAt: z.iso.datetime(), updatedAt: z.iso.datetime() };

export const idParams = z.object({ id });
export const refundParams = z.object({ id, refundId: id });

export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(200).optional(),
});

export const createPaymentBody = z
  .strictObject({
    amount,
    currency,
    customerId: text(100),
    description: text(500).optional(),
  })
  .meta({ id: 'CreatePayment' });

export const paymentStatus = z.enum(['pending', 'paid', 'failed', 'refunded']);

export const paymentSchema = z
  .object({
    id,
    status: paymentStatus,
    amount: z.int(),
    currency: z.string(),
    customerId: z.string(),
    description: z.string().optional(),
    refundedAmount: z.int(),
    settlementId: z.string().optional(),
    code: z.string().optional().meta({ description: 'Why it failed; a code of the error catalogue' }),
    failure: failure.optional(),
    ...timestamps,
  })
  .meta({ id: 'Payment' });

export const paymentListQuery = pageQuery.extend({
  status: paymentStatus.optional(),
  customerId: storable.max(100).optional(),
});

export const createRefundBody = z
  .strictObject({ amount, reason: text(500).optional() })
  .meta({ id: 'CreateRefund' });

export const refundSchema = z
  .object({
    id,
    paymentId: id,
    status: z.enum(['pending', 'refunded', 'failed']),
    amount: z.int(),
    currency: z.string(),
    reason: z.string().optional(),
    code: z.string().optional(),
    failure: failure.optional(),
    ...timestamps,
  })
  .meta({ id: 'Refund' });

export const createSettlementBody = z
  .strictObject({
    paymentIds: z
      .array(id)
      .min(1)
      .max(500)
      .refine((ids) => new Set(ids).size === ids.length, 'must not name a payment twice'),
  })
  .meta({ id: 'CreateSettlement' });

export const settlementSchema = z
  .object({
    id,
    status: z.enum(['processing', 'completed', 'failed']),
    currency: z.string().optional(),
    paymentIds: z.array(id),
    grossAmount: z.int(),
    feeAmount: z.int(),
    netAmount: z.int(),
    code: z.string().optional(),
    failure: failure.optional(),
    ...timestamps,
  })
  .meta({ id: 'Settlement' });

export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), nextCursor: z.string().optional() });

export const problemSchema = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    traceId: z.string(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' });
