import express, { type Router } from 'express';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { assertDone, byKeyRoutes } from './by-key.ts';
import type { Effect, EffectLedger } from './effects.ts';
import type { FaultDials } from './faults.ts';
import { idempotencyKeyOf, moneySchema, partnerErrors } from './requests.ts';

const chargeSchema = moneySchema.extend({ paymentId: z.string().min(1), orderId: z.string().min(1) });
const refundSchema = moneySchema.extend({ refundId: z.string().min(1), chargeId: z.string().min(1) });

/** Moves the money: charges and refunds. */
export function channelRoutes(ledger: EffectLedger, dials: FaultDials): Router {
  const router = express.Router();

  router.post('/charges', async (req, res) => {
    const charge = chargeSchema.parse(req.body);
    const key = idempotencyKeyOf(req);
    const known = await ledger.findByKey(key);
    if (!known && dials.strikes(dials.current.declineRate)) throw partnerErrors.BIZ_CARD_DECLINED();
    const id = `chg_${randomUUID()}`;
    const recorded = await ledger.record({
      key,
      id,
      kind: 'charge',
      reference: charge.paymentId,
      amount: charge.amount,
      currency: charge.currency,
      request: charge,
      answer: { chargeId: id, paymentId: charge.paymentId },
    });
    assertDone(recorded, 'charge');
    res.status(201).json({ ...recorded.effect.answer, status: 'charged' });
  });

  router.post('/refunds', async (req, res) => {
    const refund = refundSchema.parse(req.body);
    const key = idempotencyKeyOf(req);
    const charge = await ledger.findById(refund.chargeId);
    if (charge?.kind !== 'charge') throw partnerErrors.RES_NOT_FOUND();
    const refunds = await ledger.list({ kind: 'refund', reference: refund.chargeId });
    if (!refunds.some((done) => done.key === key) && total(refunds) + refund.amount > charge.amount) {
      throw partnerErrors.BIZ_REFUND_TOO_LARGE();
    }
    const id = `rfd_${randomUUID()}`;
    const recorded = await ledger.record({
      key,
      id,
      kind: 'refund',
      reference: refund.chargeId,
      amount: refund.amount,
      currency: refund.currency,
      request: refund,
      answer: { channelRefundId: id, refundId: refund.refundId },
    });
    assertDone(recorded, 'refund');
    res.status(201).json({ ...recorded.effect.answer, status: 'refunded' });
  });

  router.use(byKeyRoutes('charges', ledger, 'charge', 'charged'));
  router.use(byKeyRoutes('refunds', ledger, 'refund', 'refunded'));
  return router;
}

const total = (effects: Effect[]) => effects.reduce((sum, { amount }) => sum + amount, 0);
