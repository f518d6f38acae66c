/** A payment and a refund, as a service would have them: the partner's effects, rows, a double-entry ledger, an outbox. */
import { createOutbox, defineSaga, local, remote, type StepContext, type TransactionManager } from '@kit/tx';
import type { Knex } from 'knex';
import { z } from 'zod';
import type { Fault } from './partner.ts';

/** Where the process is to die: `at` is reached, then so many statements were begun. */
export interface KillPoint {
  at: string;
  after: number;
}

export interface PaymentInput {
  id: string;
  amount: number;
  orderFault?: Fault | undefined;
  chargeFault?: Fault | undefined;
  failsBeforeCharge?: boolean | undefined;
  /** The partner's undo does not work until it is mended. */
  undoFault?: 'broken' | undefined;
  kill?: KillPoint | undefined;
}

export interface RefundInput {
  id: string;
  payment: string;
  amount: number;
  fault?: Fault | undefined;
  kill?: KillPoint | undefined;
}

const fault = z.enum(['declined', 'down', 'drop', 'slow', 'late', 'garbage', 'twice']).optional();
const kill = z.object({ at: z.string(), after: z.number() }).optional();
const paymentInput = z.object({
  id: z.string(),
  amount: z.number().int(),
  orderFault: fault,
  chargeFault: fault,
  failsBeforeCharge: z.boolean().optional(),
  undoFault: z.literal('broken').optional(),
  kill,
});
const refundInput = z.object({ id: z.string(), payment: z.string(), amount: z.number().int(), fault, kill });

export async function createTables(knex: Knex): Promise<void> {
  await knex.schema.createTable('payments', (table) => {
    table.string('id', 64).primary();
    table.integer('amount').notNullable();
    table.string('status', 16).notNullable();
    table.string('settlement', 64);
  });
  await knex.schema.createTable('refunds', (table) => {
    table.string('id', 64).primary();
    table.string('payment', 64).notNullable();
    table.integer('amount').notNullable();
    table.string('status', 16).notNullable();
  });
  await knex.schema.createTable('entries', (table) => {
    table.increments('id');
    table.string('subject', 64).notNullable();
    table.string('account', 32).notNullable();
    table.integer('amount').notNullable();
  });
  await knex.schema.createTable('settlements', (table) => {
    table.string('id', 64).primary();
    table.integer('amount').notNullable();
    table.integer('fee').notNullable();
    table.string('status', 16).notNullable();
  });
  await knex.schema.createTable('notices', (table) => {
    table.string('subject', 64).notNullable();
  });
}

export function defineFlow(
  tm: TransactionManager,
  partnerUrl: string,
  options: { version: number; timeoutMs: number; reach: (point: string, context: StepContext) => void },
) {
  const { version, timeoutMs, reach } = options;
  const outbox = createOutbox(tm);

  const ask = async (path: string, key: string, context: StepContext, body?: unknown) => {
    const response = await fetch(`${partnerUrl}/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'idempotency-key': key },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: context.signal!,
    });
    const text = await response.text();
    if (response.status >= 500 || !text.startsWith('{')) {
      throw Object.assign(new Error(`the partner answered garbage: ${text.slice(0, 20)}`), { garbage: true });
    }
    return { status: response.status, body: JSON.parse(text) as Record<string, unknown> };
  };
  const act =
    (kind: string, subject: (c: StepContext) => string, faultOf: (c: StepContext) => Fault | undefined) =>
    async (c: StepContext) => {
      reach(`${kind}:calling`, c);
      const { status, body } = await ask(`do/${kind}`, c.idempotencyKey, c, {
        subject: subject(c),
        amount: c.input.amount,
        fault: faultOf(c),
      });
      reach(`${kind}:answered`, c);
      if (status !== 200) throw Object.assign(new Error(`${kind} refused`), { code: `REFUSED_${status}` });
      return body;
    };
  const reconcile = async (c: StepContext) => {
    const { status, body } = await ask('effects', c.idempotencyKey, c);
    return status === 200 ? { outcome: 'done' as const, result: body } : { outcome: 'not-done' as const };
  };
  const take = (kind: string) => async (c: StepContext) => {
    reach(`undo-${kind}:calling`, c);
    await ask(`undo/${kind}`, c.idempotencyKey.replace(/:undo$/, ''), c, {
      fault: c.input.undoFault,
    });
    reach(`undo-${kind}:answered`, c);
  };
  const unknown = (error: unknown) => (error as { garbage?: boolean }).garbage === true;
  const post = async (subject: string, from: string, to: string, amount: number) => {
    await tm.db('entries').insert([
      { subject, account: from, amount: -amount },
      { subject, account: to, amount },
    ]);
    await outbox.add('money.moved', { subject, amount }, { key: subject });
  };

  const createPayment = defineSaga<PaymentInput>({
    name: 'create-payment',
    version,
    input: paymentInput,
    steps: [
      local(
        'row',
        async (c) => {
          await tm.db('payments').insert({ id: c.input.id, amount: c.input.amount, status: 'pending' });
          reach('row:written', c);
        },
        {
          undo: async (c) => {
            await tm.db('payments').where({ id: c.input.id }).update({ status: 'failed' });
            reach('undo-row:written', c);
          },
        },
      ),
      remote(
        'order',
        act(
          'order',
          (c) => c.input.id,
          (c) => c.input.orderFault,
        ),
        {
          undo: take('order'),
          reconcile,
          timeoutMs,
          unknown,
        },
      ),
      local('check', (c) => {
        if (c.input.failsBeforeCharge) throw new Error('the risk is too high');
      }),
      remote(
        'charge',
        act(
          'charge',
          (c) => c.input.id,
          (c) => c.input.chargeFault,
        ),
        {
          pivot: true,
          reconcile,
          timeoutMs,
          unknown,
        },
      ),
      local('complete', async (c) => {
        await tm.db('payments').where({ id: c.input.id }).update({ status: 'paid' });
        await post(c.input.id, 'customer', 'merchant', c.input.amount);
        reach('complete:written', c);
      }),
    ],
  });

  const refundPayment = defineSaga<RefundInput>({
    name: 'refund-payment',
    version,
    input: refundInput,
    steps: [
      local(
        'record',
        async ({ input }) => {
          const payments = tm.db('payments').where({ id: input.payment, status: 'paid' });
          const payment = await (tm.engine === 'sqlite' ? payments : payments.forUpdate()).first();
          if (!payment) throw new Error('there is no such paid payment');
          const [sum] = await tm
            .db('refunds')
            .where({ payment: input.payment })
            .whereNot({ status: 'failed' })
            .sum({ taken: 'amount' });
          if (Number(sum?.taken ?? 0) + input.amount > payment.amount) throw new Error('more than is left');
          await tm.db('refunds').insert({
            id: input.id,
            payment: input.payment,
            amount: input.amount,
            status: 'pending',
          });
        },
        {
          undo: async ({ input }) =>
            void (await tm.db('refunds').where({ id: input.id }).update({ status: 'failed' })),
        },
      ),
      remote(
        'channel',
        act(
          'refund',
          (c) => c.input.id,
          (c) => c.input.fault,
        ),
        {
          pivot: true,
          reconcile,
          timeoutMs,
          unknown,
        },
      ),
      local('update', async (c) => {
        const { input } = c;
        await tm.db('refunds').where({ id: input.id }).update({ status: 'refunded' });
        await post(input.id, 'merchant', 'customer', input.amount);
        reach('refunded:written', c);
      }),
    ],
  });

  return { createPayment, refundPayment };
}
