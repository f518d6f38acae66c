import type { Check } from '@kit/health';
import {
  instrumentKnex,
  instrumentQueue,
  instrumentRedis,
  instrumentSagas,
  type Metrics,
} from '@kit/metrics';
import type { SagaRunner } from '@kit/tx';
import type { BullmqDispatch } from '@kit/tx/bullmq';
import type { Redis } from 'ioredis';
import type { Knex } from 'knex';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Logger } from 'pino';

/** Counts a use case in the business metrics; what is kept as `failed` is a failure there, though it is no exception. */
export function counted<Args extends unknown[], Outcome extends { status: string }>(
  metrics: Metrics,
  operation: string,
  useCase: (...args: Args) => Promise<Outcome>,
): (...args: Args) => Promise<Outcome> {
  return async (...args) => {
    let kept: Outcome | undefined;
    try {
      return await metrics.business.track(operation, async () => {
        const outcome = await useCase(...args);
        if (outcome.status !== 'failed') return outcome;
        kept = outcome;
        throw new Error('kept as failed');
      });
    } catch (error) {
      if (kept) return kept;
      throw error;
    }
  };
}

/** What the parts behind the service say of themselves, at each scrape. */
export function instrument(
  metrics: Metrics,
  parts: {
    knex: Knex;
    redis: Redis | undefined;
    sagas: SagaRunner;
    dispatch: BullmqDispatch | undefined;
  },
): () => void {
  const ends = [
    instrumentKnex(metrics, parts.knex, { name: 'payment' }),
    instrumentSagas(metrics, parts.sagas),
    ...(parts.redis ? [instrumentRedis(metrics, parts.redis, { name: 'payment' })] : []),
    ...(parts.dispatch
      ? [instrumentQueue(metrics, parts.dispatch.queue), instrumentQueue(metrics, parts.dispatch.worker)]
      : []),
  ];
  return () => {
    for (const end of ends) end();
  };
}

/** Degraded while a saga can go neither forward nor back: somebody has to decide. */
export function stuckSagaCheck(sagas: Pick<SagaRunner, 'list'>): Check {
  return {
    name: 'stuck-sagas',
    async check() {
      const { length: stuck } = await sagas.list({ status: 'stuck' });
      if (stuck === 0) return { status: 'healthy', metadata: { stuck } };
      return { status: 'degraded', message: `${stuck} sagas wait for an operator`, metadata: { stuck } };
    },
  };
}

/** One log line a change of a breaker: `[Breaker] order-service: closed -> open`. */
export function logBreakers(logger: Logger): () => void {
  const channel = 'kit:breaker:state-changed';
  const onChange = (message: unknown) => {
    const { name, from, to, reason, counts } = message as {
      name: string;
      from: string | null;
      to: string;
      reason: string;
      counts: object;
    };
    // The first state is news for gauges, not for people.
    if (from === null) return;
    logger.warn({ breaker: name, reason, counts }, `[Breaker] ${name}: ${from} -> ${to}`);
  };
  subscribe(channel, onChange);
  return () => void unsubscribe(channel, onChange);
}
