import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { RefundQueries } from '../../application/get-refund.ts';
import type { RefundPayment } from '../../application/refund-payment.ts';
import { toRefundDto } from '../dto.ts';
import type { SendFailure } from '../failures.ts';
import { idempotencyKeyOf } from '../idempotency-key.ts';
import { toList, toPage } from '../pagination.ts';
import {
  createRefundBody,
  idParams,
  listOf,
  pageQuery,
  problemSchema,
  refundParams,
  refundSchema,
} from '../schemas.ts';

export interface RefundRoutesOptions {
  refundPayment: RefundPayment;
  refunds: RefundQueries;
  sendFailure: SendFailure;
}

export const refundRoutes: FastifyPluginAsyncZod<RefundRoutesOptions> = async (app, options) => {
  const { refundPayment, refunds, sendFailure } = options;
  const tags = ['refunds'];

  app.post(
    '/v1/payments/:id/refunds',
    {
      schema: {
        tags,
        summary: 'Gives money back, never more than is left',
        params: idParams,
        body: createRefundBody,
        response: { 201: refundSchema, 202: refundSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request, reply) => {
      const { amount, reason } = request.body;
      const refund = await refundPayment(
        { paymentId: request.params.id, amount, reason },
        { idempotencyKey: idempotencyKeyOf(request) },
      );
      reply.header('location', `/v1/payments/${refund.paymentId}/refunds/${refund.id}`);
      if (refund.status === 'failed') {
        return sendFailure(request, reply, refund.failure, {
          refundId: refund.id,
          refund: toRefundDto(refund),
        });
      }
      return reply.code(refund.status === 'pending' ? 202 : 201).send(toRefundDto(refund));
    },
  );

  app.get(
    '/v1/payments/:id/refunds/:refundId',
    {
      schema: {
        tags,
        summary: 'One refund',
        params: refundParams,
        response: { 200: refundSchema, '4xx': problemSchema },
      },
    },
    async ({ params }) => toRefundDto(await refunds.get(params.id, params.refundId)),
  );

  app.get(
    '/v1/payments/:id/refunds',
    {
      schema: {
        tags,
        summary: 'The refunds of a payment, newest first',
        params: idParams,
        querystring: pageQuery,
        response: { 200: listOf(refundSchema), '4xx': problemSchema },
      },
    },
    async ({ params, query }) =>
      toList(await refunds.listOfPayment(params.id, toPage(query)), query, toRefundDto),
  );
};
