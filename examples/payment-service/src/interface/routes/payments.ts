import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { CreatePayment } from '../../application/create-payment.ts';
import type { PaymentQueries } from '../../application/get-payment.ts';
import { toPaymentDto } from '../dto.ts';
import type { SendFailure } from '../failures.ts';
import { idempotencyKeyOf } from '../idempotency-key.ts';
import { toList, toPage } from '../pagination.ts';
import {
  createPaymentBody,
  idParams,
  listOf,
  paymentListQuery,
  paymentSchema,
  problemSchema,
} from '../schemas.ts';

export interface PaymentRoutesOptions {
  createPayment: CreatePayment;
  payments: PaymentQueries;
  sendFailure: SendFailure;
}

export const paymentRoutes: FastifyPluginAsyncZod<PaymentRoutesOptions> = async (app, options) => {
  const { createPayment, payments, sendFailure } = options;
  const tags = ['payments'];

  app.post(
    '/v1/payments',
    {
      schema: {
        tags,
        summary: 'Takes a payment: risk check, order, charge',
        description:
          'Send an Idempotency-Key. The same key again answers with the same payment; 202 means that a partner has not said yet what became of it.',
        body: createPaymentBody,
        response: { 201: paymentSchema, 202: paymentSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request, reply) => {
      const payment = await createPayment(request.body, { idempotencyKey: idempotencyKeyOf(request) });
      reply.header('location', `/v1/payments/${payment.id}`);
      if (payment.status === 'failed') {
        return sendFailure(request, reply, payment.failure, {
          paymentId: payment.id,
          payment: toPaymentDto(payment),
        });
      }
      return reply.code(payment.status === 'pending' ? 202 : 201).send(toPaymentDto(payment));
    },
  );

  app.get(
    '/v1/payments/:id',
    {
      schema: {
        tags,
        summary: 'One payment',
        params: idParams,
        response: { 200: paymentSchema, '4xx': problemSchema },
      },
    },
    async (request) => toPaymentDto(await payments.get(request.params.id)),
  );

  app.get(
    '/v1/payments',
    {
      schema: {
        tags,
        summary: 'Payments, newest first',
        querystring: paymentListQuery,
        response: { 200: listOf(paymentSchema), '4xx': problemSchema },
      },
    },
    async ({ query }) => toList(await payments.list(toPage(query), query), query, toPaymentDto),
  );
};
