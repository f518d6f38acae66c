import { AppError } from '@kit/errors';
import type { RequestHandler, Router } from 'express';
import express from 'express';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

const ratio = z.number().min(0).max(1).default(0);

export const faultsSchema = z.strictObject({
  /** Every answer waits this long. */
  latencyMs: z.number().int().min(0).max(600_000).default(0),
  /** Share of requests answered with `errorStatus`, 0 to 1. */
  errorRate: ratio,
  errorStatus: z.number().int().min(400).max(599).default(503),
  /** Requests are taken and never answered. */
  hang: z.boolean().default(false),
  /** Latency, errors and hangs strike after the work is done: the partner's effect stands, its answer is lost. */
  afterEffect: z.boolean().default(false),
  /** Share of requests whose connection is cut after the work is done, 0 to 1. */
  dropRate: ratio,
  /** Answers are 200 and not JSON. */
  garbage: z.boolean().default(false),
  /** Looking up and voiding by key (`…/by-key/…`) is hit as well. */
  lookups: z.boolean().default(false),
  /** Share of requests that the partner turns down in its own words (risk: decline; channel: card declined), 0 to 1. */
  declineRate: ratio,
});

export type Faults = z.infer<typeof faultsSchema>;

/** What is wrong with a partner at the moment; turned by `PUT /faults`, all well at the start. */
export interface FaultDials {
  readonly current: Faults;
  set(faults: Faults): void;
  /** True for the given share of calls. */
  strikes(share: number): boolean;
}

export function createFaultDials(random: () => number = Math.random): FaultDials {
  let current = faultsSchema.parse({});
  return {
    get current() {
      return current;
    },
    set(faults) {
      current = faults;
    },
    strikes: (share) => share > 0 && random() < share,
  };
}

/** `GET /faults` shows the dials, `PUT /faults` sets all of them (one left out is back at its default), `DELETE` heals. */
export function faultRoutes(dials: FaultDials): Router {
  const router = express.Router();
  router.get('/faults', (_req, res) => void res.json(dials.current));
  router.put('/faults', (req, res) => {
    dials.set(faultsSchema.parse(req.body ?? {}));
    res.json(dials.current);
  });
  router.delete('/faults', (_req, res) => {
    dials.set(faultsSchema.parse({}));
    res.json(dials.current);
  });
  return router;
}

/** Stands before the partner's own routes and makes them as bad as the dials say. */
export function faultMiddleware(dials: FaultDials): RequestHandler {
  return async (req, res, next) => {
    const faults = dials.current;
    if (req.path.includes('/by-key/') && !faults.lookups) return next();
    const fails = dials.strikes(faults.errorRate);

    const strike = async (): Promise<'silent' | 'go on'> => {
      if (faults.hang) return 'silent';
      if (faults.latencyMs > 0) await delay(faults.latencyMs);
      if (fails) throw askedFor(faults.errorStatus);
      return 'go on';
    };

    const sendJson = res.json.bind(res);
    const answer = async (body: unknown): Promise<void> => {
      try {
        if (faults.afterEffect && (await strike()) === 'silent') return;
      } catch (error) {
        return next(error);
      }
      if (dials.strikes(faults.dropRate)) return void req.socket.destroy();
      if (faults.garbage) return void res.type('text').status(200).send('<html>\u0000 we are sorry');
      sendJson(body);
    };
    res.json = (body: unknown) => {
      void answer(body);
      return res;
    };

    if (!faults.afterEffect && (await strike()) === 'silent') return;
    next();
  };
}

const askedFor = (status: number) =>
  new AppError({
    code: 'SYS_UNAVAILABLE',
    status,
    title: 'Fault',
    message: 'this fault was asked for with PUT /faults',
    expose: true,
  });
