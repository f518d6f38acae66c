import express, { type Router } from 'express';
import { randomUUID } from 'node:crypto';
import type { Effect, EffectLedger } from './effects.ts';
import { partnerErrors } from './requests.ts';

/**
 * What a caller needs whose connection broke: `GET /charges/by-key/:key` says whether it was done, and
 * `POST /charges/by-key/:key/void` makes sure that it never will be, unless it was: then it answers with what was done.
 */
export function byKeyRoutes(path: string, ledger: EffectLedger, kind: string, status: string): Router {
  const router = express.Router();

  router.get(`/${path}/by-key/:key`, async (req, res) => {
    const effect = await ledger.findByKey(req.params.key);
    if (effect?.kind !== kind) throw partnerErrors.RES_NOT_FOUND();
    res.json({ ...effect.answer, status });
  });

  router.post(`/${path}/by-key/:key/void`, async (req, res) => {
    const { key } = req.params;
    const { effect } = await ledger.record({
      key,
      id: `void_${randomUUID()}`,
      kind: 'void',
      reference: key,
      amount: 0,
      currency: 'XXX',
      request: { void: key },
      answer: {},
    });
    res.json(effect.kind === kind ? { ...effect.answer, status } : { status: 'voided' });
  });

  return router;
}

/** A key that was voided, or used for something else, does nothing any more. */
export function assertDone(
  { effect, isSameRequest }: { effect: Effect; isSameRequest: boolean },
  kind: string,
): void {
  if (effect.kind === 'void') throw partnerErrors.BIZ_KEY_VOIDED();
  if (effect.kind !== kind || !isSameRequest) throw partnerErrors.VAL_IDEMPOTENCY_KEY_REUSED();
}
