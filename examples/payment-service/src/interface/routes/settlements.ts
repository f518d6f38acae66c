import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { SettlementQueries } from '../../application/get-settlement.ts';
import type { SettlePayments } from '../../application/settle-payments.ts';
import { toSettlementDto } from '../dto.ts';
import { idempotencyKeyOf } from '../idempotency-key.ts';
import { toList, toPage } from '../pagination.ts';
import {
  createSettlementBody,
  idParams,
  listOf,
  pageQuery,
  problemSchema,
  settlementSchema,
} from '../schemas.ts';

export interface SettlementRoutesOptions {
  settlePayments: SettlePayments;
  settlements: SettlementQueries;
}

export const settlementRoutes: FastifyPluginAsyncZod<SettlementRoutesOptions> = async (app, options) => {
  const { settlePayments, settlements } = options;
  const tags = ['settlements'];

  app.post(
    '/v1/settlements',
    {
      schema: {
        tags,
        summary: 'Pays out paid payments, less the fee, in one transaction',
        body: createSettlementBody,
        response: { 201: settlementSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request, reply) => {
      const settlement = await settlePayments(request.body, { idempotencyKey: idempotencyKeyOf(request) });
      reply.header('location', `/v1/settlements/${settlement.id}`);
      return reply.code(201).send(toSettlementDto(settlement));
    },
  );

  app.get(
    '/v1/settlements/:id',
    {
      schema: {
        tags,
        summary: 'One settlement',
        params: idParams,
        response: { 200: settlementSchema, '4xx': problemSchema },
      },
    },
    async (request) => toSettlementDto(await settlements.get(request.params.id)),
  );

  app.get(
    '/v1/settlements',
    {
      schema: {
        tags,
        summary: 'Settlements, newest first',
        querystring: pageQuery,
        response: { 200: listOf(settlementSchema), '4xx': problemSchema },
      },
    },
    async ({ query }) => toList(await settlements.list(toPage(query)), query, toSettlementDto),
  );

  app.get(
    '/v1/ledger/balances',
    {
      schema: {
        tags: ['ledger'],
        summary: 'Every account; the accounts of a currency sum to zero',
        response: {
          200: z.object({
            items: z.array(z.object({ currency: z.string(), account: z.string(), balance: z.int() })),
          }),
        },
      },
    },
    async () => ({ items: await settlements.balances() }),
  );
};
