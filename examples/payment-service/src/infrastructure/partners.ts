import {
  type BreakerRegistry,
  createHttpClient,
  type Fetch,
  fullJitter,
  type HttpClient,
} from '@kit/breaker';
import { z } from 'zod';
import { PartnerError, type PartnerCall, type Partners } from '../application/ports.ts';
import type { RequestDeadline } from './deadline.ts';
import { toPartnerError } from './partner-errors.ts';

export interface PartnerOptions {
  breakers: BreakerRegistry;
  deadline: RequestDeadline;
  orderUrl: string;
  channelUrl: string;
  riskUrl: string;
  timeoutMs: number;
  /** @default the global one */
  fetch?: Fetch | undefined;
}

const riskAnswer = z.object({ decision: z.enum(['approve', 'decline']) });
const orderAnswer = z.object({ orderId: z.string().min(1) });
const chargeAnswer = z.object({ chargeId: z.string().min(1) });
const voided = z.object({ status: z.literal('voided') });
const refundAnswer = z.object({ channelRefundId: z.string().min(1) });

/**
 * The three partners over HTTP, one breaker each. Only the risk check is retried here: it changes nothing. What changes
 * something is called once, so that its outcome is known exactly, and the saga decides about another attempt.
 */
export function createPartners(options: PartnerOptions): Partners {
  const { breakers, deadline, timeoutMs, fetch } = options;
  const act = actWithin(deadline);
  const client = (name: string, baseUrl: string, maxAttempts: number) =>
    createHttpClient({
      name,
      baseUrl,
      breaker: breakers.get(name),
      retry: { maxAttempts, backoff: fullJitter({ baseMs: 50, maxMs: 500 }) },
      timeout: { timeoutMs },
      fetch,
    });
  // A look at the books must get through while the breaker still keeps payments away.
  const lookups = (name: string, baseUrl: string) =>
    createHttpClient({ name: `${name}-books`, baseUrl, timeout: { timeoutMs }, fetch });

  const risk = client('risk-service', options.riskUrl, 2);
  const order = client('order-service', options.orderUrl, 1);
  const orderBooks = lookups('order-service', options.orderUrl);
  const channel = client('channel-adapter', options.channelUrl, 1);
  const channelBooks = lookups('channel-adapter', options.channelUrl);

  const orders = books(orderBooks, '/orders', orderAnswer);
  const charges = books(channelBooks, '/charges', chargeAnswer);
  const refunds = books(channelBooks, '/refunds', refundAnswer);

  return {
    risk: {
      async check(payment, call) {
        const { decision } = await act(risk, 'risk-service', '/risk-checks', payment, call, riskAnswer);
        return decision;
      },
    },
    order: {
      place: (payment, call) =>
        act(order, 'order-service', '/orders', payment, call, orderAnswer, orders.revoke),
      find: orders.find,
      revoke: orders.revoke,
      async cancel(orderId, call) {
        await order.post(`/orders/${encodeURIComponent(orderId)}/cancel`, send({}, call));
      },
    },
    channel: {
      async charge(payment, call) {
        try {
          return await act(
            channel,
            'channel-adapter',
            '/charges',
            payment,
            call,
            chargeAnswer,
            charges.revoke,
          );
        } catch (error) {
          throw refusal(error, 402, 'BIZ_CARD_DECLINED', 'the card was declined');
        }
      },
      findCharge: charges.find,
      async refund(refund, call) {
        try {
          return await act(
            channel,
            'channel-adapter',
            '/refunds',
            refund,
            call,
            refundAnswer,
            refunds.revoke,
          );
        } catch (error) {
          throw refusal(error, 422, 'BIZ_REFUND_REFUSED', 'the channel refused the refund');
        }
      },
      findRefund: refunds.find,
    },
  };
}

/** Sends a command; where that leaves its outcome open, revokes it, and so knows: it was done, or never will be. */
function actWithin(deadline: RequestDeadline) {
  return async <Answer>(
    client: HttpClient,
    partner: string,
    path: string,
    body: object,
    call: PartnerCall,
    schema: z.ZodType<Answer>,
    revoke?: (key: string) => Promise<Answer | undefined>,
  ): Promise<Answer> => {
    try {
      const response = await deadline.within(() => client.post(path, send(body, call)));
      return schema.parse(await response.json());
    } catch (error) {
      const failure = toPartnerError(partner, error);
      if (failure.outcome === 'not-done' || !revoke) throw failure;
      const done = await revoke(call.idempotencyKey).catch(() => {
        throw failure;
      });
      if (done) return done;
      throw new PartnerError(failure.code, failure.message, { outcome: 'not-done' });
    }
  };
}

/** What a partner knows of a key. */
function books<Answer>(client: HttpClient, path: string, schema: z.ZodType<Answer>) {
  const pathOf = (key: string) => `${path}/by-key/${encodeURIComponent(key)}`;
  const find = async (key: string): Promise<Answer | undefined> => {
    const response = await client.get(pathOf(key), { throwOnStatus: false });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`the lookup was answered ${response.status}`);
    return schema.parse(await response.json());
  };
  const revoke = async (key: string): Promise<Answer | undefined> => {
    const response = await client.post(`${pathOf(key)}/void`);
    const answer: unknown = await response.json();
    return voided.safeParse(answer).success ? undefined : schema.parse(answer);
  };
  return { find, revoke };
}

const send = (json: object, { idempotencyKey, signal }: PartnerCall) => ({
  json,
  idempotencyKey,
  ...(signal && { signal }),
});

/** The partner's "no" in our words. */
function refusal(
  error: unknown,
  status: number,
  code: 'BIZ_CARD_DECLINED' | 'BIZ_REFUND_REFUSED',
  message: string,
) {
  if (!(error instanceof PartnerError) || error.httpStatus !== status) return error;
  return new PartnerError(code, message, { outcome: 'not-done', httpStatus: status });
}
