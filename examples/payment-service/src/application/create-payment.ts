import {
  defineSaga,
  local,
  remote,
  type SagaRunner,
  type StepContext,
  type TransactionManager,
} from '@kit/tx';
import { z } from 'zod';
import { booking } from '../domain/ledger/ledger.ts';
import {
  createPayment,
  type Failure,
  markFailed,
  markPaid,
  type Payment,
} from '../domain/payment/payment.ts';
import { PartnerError, type Partners, type Repositories } from './ports.ts';

const input = z.object({
  amount: z.number(),
  currency: z.string(),
  customerId: z.string(),
  description: z.string().optional(),
});

export type CreatePaymentInput = z.infer<typeof input>;

export interface CreatePaymentDeps extends Repositories {
  tm: TransactionManager;
  partners: Partners;
  partnerTimeoutMs: number;
  now: () => Date;
}

/**
 * The payment's way: our row, the risk check, the order, the charge, `paid`. Up to the charge a failure undoes what was
 * done and keeps the payment as `failed`; once the money has moved there is only forward.
 *
 * The saga's id is the payment's id, so that every call under one idempotency key leads to one payment.
 */
export function createPaymentSaga({
  tm,
  partners,
  payments,
  ledger,
  partnerTimeoutMs,
  now,
}: CreatePaymentDeps) {
  const { risk, order, channel } = partners;
  const moneyOf = ({ sagaId, input }: StepContext) => ({
    paymentId: sagaId,
    amount: input.amount as number,
    currency: input.currency as string,
  });

  /** A refusal is written down before the saga turns around: the undo of the first step finds it there. */
  const noting =
    <R>(call: (context: StepContext) => Promise<R>) =>
    async (context: StepContext): Promise<R> => {
      try {
        return await call(context);
      } catch (error) {
        const failure = failureOf(error);
        await tm.run(() => payments.noteFailure(context.sagaId, failure));
        throw error;
      }
    };

  const options = { timeoutMs: partnerTimeoutMs, unknown: isUnknown };

  return defineSaga({
    name: 'create-payment',
    version: 1,
    input,
    steps: [
      local(
        'row',
        async ({ sagaId, input }) => {
          await payments.add(createPayment({ ...(input as CreatePaymentInput), id: sagaId }, now()));
        },
        {
          undo: async ({ sagaId }) => {
            const payment = await payments.find(sagaId);
            if (payment) await payments.save(markFailed(payment, payment.failure ?? noReason, now()));
          },
        },
      ),
      remote(
        'risk',
        noting(async (context) => {
          const decision = await risk.check(
            { ...moneyOf(context), customerId: context.input.customerId },
            context,
          );
          if (decision === 'decline') {
            throw new PartnerError('BIZ_PAYMENT_DECLINED', 'the payment was declined by the risk check', {
              outcome: 'not-done',
            });
          }
        }),
        options,
      ),
      remote(
        'order',
        noting((context) =>
          order.place({ ...moneyOf(context), customerId: context.input.customerId }, context),
        ),
        {
          ...options,
          reconcile: ({ idempotencyKey }) => reconcile(() => order.find(idempotencyKey)),
          // Without a result nobody knows whether there is an order, or will be; the partner sees to it.
          undo: async ({ sagaId, result, idempotencyKey, signal }) => {
            const placed = (result as { orderId: string } | undefined) ?? (await order.revoke(`${sagaId}:2`));
            if (placed) await order.cancel(placed.orderId, { idempotencyKey, signal });
          },
        },
      ),
      remote(
        'channel',
        noting((context) =>
          channel.charge({ ...moneyOf(context), orderId: context.results.order.orderId }, context),
        ),
        {
          ...options,
          pivot: true,
          reconcile: ({ idempotencyKey }) => reconcile(() => channel.findCharge(idempotencyKey)),
        },
      ),
      local('complete', async ({ sagaId, results, input }) => {
        const payment = await payments.find(sagaId);
        if (!payment) throw new Error(`payment ${sagaId} has no row`);
        const by = { orderId: results.order.orderId, chargeId: results.channel.chargeId };
        await payments.save(markPaid(payment, by, now()));
        await ledger.add(
          booking(
            { id: `${sagaId}:paid`, kind: 'payment', reference: sagaId, currency: payment.currency },
            input.amount,
            { from: 'merchant', to: 'channel' },
          ),
          now(),
        );
      }),
    ],
  });
}

export type CreatePayment = (
  input: CreatePaymentInput,
  options: { idempotencyKey: string },
) => Promise<Payment>;

/** Takes the payment, or finds the one that this key has led to before. It may still be `pending`: then it goes on by itself. */
export function createPaymentUseCase(
  sagas: Pick<SagaRunner, 'start'>,
  saga: ReturnType<typeof createPaymentSaga>,
  { payments }: Pick<CreatePaymentDeps, 'payments'>,
): CreatePayment {
  return async (input, { idempotencyKey }) => {
    const { id, error } = await sagas.start(saga, input, { dedupeKey: `payment:${idempotencyKey}` });
    // Outside a transaction this is one statement on the primary; a replica might not have the payment yet.
    const payment = await payments.find(id);
    if (!payment) throw new Error(error?.message ?? `payment ${id} has no row`);
    return payment;
  };
}

/** Turns a partner's lookup into what a saga wants to know. */
export async function reconcile<R>(find: () => Promise<R | undefined>) {
  const result = await find();
  return result === undefined ? ({ outcome: 'not-done' } as const) : ({ outcome: 'done', result } as const);
}

export const isUnknown = (error: unknown): boolean =>
  error instanceof PartnerError && error.outcome === 'unknown';

export function failureOf(error: unknown): Failure {
  if (error instanceof PartnerError) return { code: error.code, message: error.message };
  return noReason;
}

const noReason: Failure = { code: 'SYS_PARTNER_FAILED', message: 'a partner failed' };
