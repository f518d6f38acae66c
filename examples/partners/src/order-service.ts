import express, { type Router } from 'express';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { assertDone, byKeyRoutes } from './by-key.ts';
import type { EffectLedger } from './effects.ts';
import { idempotencyKeyOf, moneySchema, partnerErrors } from './requests.ts';

const orderSchema = moneySchema.extend({ paymentId: z.string().min(1), customerId: z.string().min(1) });

/** Takes orders and cancels them. For a customer whose id begins with `outage` it is always down. */
export function orderRoutes(ledger: EffectLedger): Router {
  const router = express.Router();

  router.post('/orders', async (req, res) => {
    const order = orderSchema.parse(req.body);
    if (order.customerId.startsWith('outage')) throw partnerErrors.SYS_UNAVAILABLE();
    const id = `ord_${randomUUID()}`;
    const recorded = await ledger.record({
      key: idempotencyKeyOf(req),
      id,
      kind: 'order',
      reference: order.paymentId,
      amount: order.amount,
      currency: order.currency,
      request: order,
      answer: { orderId: id, paymentId: order.paymentId },
    });
    assertDone(recorded, 'order');
    res.status(201).json({ ...recorded.effect.answer, status: 'created' });
  });

  router.use(byKeyRoutes('orders', ledger, 'order', 'created'));

  router.post('/orders/:id/cancel', async (req, res) => {
    const { id } = req.params;
    const order = await ledger.findById(id);
    if (order?.kind !== 'order') throw partnerErrors.RES_NOT_FOUND();
    await ledger.record({
      key: idempotencyKeyOf(req),
      id: `cnl_${randomUUID()}`,
      kind: 'order-cancelled',
      reference: order.reference,
      amount: order.amount,
      currency: order.currency,
      request: { id },
      answer: { orderId: id },
    });
    res.json({ orderId: id, status: 'cancelled' });
  });

  return router;
}
