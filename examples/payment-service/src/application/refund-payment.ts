import { defineSaga, local, remote, type SagaRunner, type TransactionManager } from '@kit/tx';
import { z } from 'zod';
import { booking } from '../domain/ledger/ledger.ts';
import type { Failure } from '../domain/payment/payment.ts';
import {
  createRefund,
  markRefunded,
  markRefundFailed,
  type Refund,
  refundTooLarge,
} from '../domain/refund/refund.ts';
import { failureOf, isUnknown, reconcile } from './create-payment.ts';
import { paymentNotFound } from './get-payment.ts';
import type { Events, Partners, Repositories } from './ports.ts';

const input = z.object({ paymentId: z.string(), amount: z.number(), reason: z.string().optional() });

export type RefundPaymentInput = z.infer<typeof input>;

export interface RefundPaymentDeps extends Repositories {
  tm: TransactionManager;
  partners: Pick<Partners, 'channel'>;
  events: Events;
  partnerTimeoutMs: number;
  now: () => Date;
}

/**
 * The refund's way: the row with its reservation, the channel, `refunded`. Once the channel has given the money back our
 * update is repeated until it holds, and its message leaves with it through the outbox.
 */
export function refundPaymentSaga(deps: RefundPaymentDeps) {
  const { tm, partners, payments, refunds, ledger, events, now } = deps;

  return defineSaga({
    name: 'refund-payment',
    version: 1,
    input,
    steps: [
      local(
        'record',
        async ({ sagaId, input }) => {
          const payment = await payments.find(input.paymentId);
          if (!payment) throw paymentNotFound(input.paymentId);
          const refund = createRefund(
            payment,
            { id: sagaId, amount: input.amount, reason: input.reason },
            now(),
          );
          // The rule once more, in the database: another refund may have read the same payment.
          const isReserved = await payments.reserveRefund(payment.id, refund.amount, now());
          if (!isReserved) throw refundTooLarge(payment, refund.amount);
          await refunds.add(refund);
          return { chargeId: payment.chargeId, currency: payment.currency };
        },
        {
          undo: async ({ sagaId }) => {
            const refund = await refunds.find(sagaId);
            if (!refund || refund.status !== 'pending') return;
            await refunds.save(markRefundFailed(refund, refund.failure ?? noReason, now()));
            await payments.releaseRefund(refund.paymentId, refund.amount, now());
          },
        },
      ),
      remote(
        'channel',
        async (context) => {
          const { chargeId, currency } = context.results.record as { chargeId: string; currency: string };
          const { amount } = context.input as RefundPaymentInput;
          try {
            return await partners.channel.refund(
              { refundId: context.sagaId, chargeId, amount, currency },
              context,
            );
          } catch (error) {
            await tm.run(() => refunds.noteFailure(context.sagaId, failureOf(error)));
            throw error;
          }
        },
        {
          timeoutMs: deps.partnerTimeoutMs,
          unknown: isUnknown,
          pivot: true,
          reconcile: ({ idempotencyKey }) => reconcile(() => partners.channel.findRefund(idempotencyKey)),
        },
      ),
      local('update', async ({ sagaId, results }) => {
        const refund = await refunds.find(sagaId);
        if (!refund) throw new Error(`refund ${sagaId} has no row`);
        await refunds.save(markRefunded(refund, results.channel.channelRefundId, now()));
        await payments.finishRefund(refund.paymentId, refund.amount, now());
        await ledger.add(
          booking(
            { id: `${sagaId}:refunded`, kind: 'refund', reference: sagaId, currency: refund.currency },
            refund.amount,
            { from: 'channel', to: 'merchant' },
          ),
          now(),
        );
        const { paymentId, amount, currency } = refund;
        await events.add('payment.refunded', { refundId: sagaId, paymentId, amount, currency }, paymentId);
      }),
    ],
  });
}

export type RefundPayment = (
  input: RefundPaymentInput,
  options: { idempotencyKey: string },
) => Promise<Refund>;

export function refundPaymentUseCase(
  sagas: Pick<SagaRunner, 'start'>,
  saga: ReturnType<typeof refundPaymentSaga>,
  { tm, payments, refunds, now }: RefundPaymentDeps,
): RefundPayment {
  return async (input, { idempotencyKey }) => {
    const { id, error } = await sagas.start(saga, input, { dedupeKey: `refund:${idempotencyKey}` });
    const [refund, payment] = await tm.read(async () => [
      await refunds.find(id),
      await payments.find(input.paymentId),
    ]);
    if (refund) return refund;
    // The first step refused, so there is no row; the rules say why.
    if (!payment) throw paymentNotFound(input.paymentId);
    if (error?.code === 'BIZ_REFUND_EXCEEDS_PAYMENT') throw refundTooLarge(payment, input.amount);
    createRefund(payment, { id, amount: input.amount }, now());
    throw new Error(error?.message ?? `refund ${id} has no row`);
  };
}

const noReason: Failure = { code: 'SYS_PARTNER_FAILED', message: 'the channel failed' };
