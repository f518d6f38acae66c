import type { Metrics } from '@kit/metrics';
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
