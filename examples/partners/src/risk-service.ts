import express, { type Router } from 'express';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { EffectLedger } from './effects.ts';
import type { FaultDials } from './faults.ts';
import { idempotencyKeyOf, moneySchema } from './requests.ts';

const checkSchema = moneySchema.extend({ paymentId: z.string().min(1), customerId: z.string().min(1) });

/** Says whether a payment may go on. A customer id that begins with `blocked` may not. */
export function riskRoutes(ledger: EffectLedger, dials: FaultDials): Router {
  const router = express.Router();

  router.post('/risk-checks', async (req, res) => {
    const check = checkSchema.parse(req.body);
    const declines = check.customerId.startsWith('blocked') || dials.strikes(dials.current.declineRate);
    const { effect } = await ledger.record({
      key: idempotencyKeyOf(req),
      id: `chk_${randomUUID()}`,
      kind: 'risk-check',
      reference: check.paymentId,
      amount: check.amount,
      currency: check.currency,
      request: check,
      answer: { decision: declines ? 'decline' : 'approve' },
    });
    res.json(effect.answer);
  });

  return router;
}
