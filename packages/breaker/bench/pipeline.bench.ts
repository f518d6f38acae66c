import {
  circuitBreaker,
  ExponentialBackoff,
  handleAll,
  retry,
  SamplingBreaker,
  timeout,
  TimeoutStrategy,
  wrap,
} from 'cockatiel';
import { defineBench } from 'kit-tooling/bench';
import { createPipeline } from '@kit/breaker';

const call = async () => 1;
const callWithSignal = async ({ signal }: { signal: AbortSignal }) => signal.aborted;
const kit = () =>
  createPipeline({ name: 'bench', breaker: {}, retry: { maxAttempts: 3 }, timeout: { timeoutMs: 1_000 } });
const cockatiel = () =>
  wrap(
    retry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff() }),
    circuitBreaker(handleAll, {
      halfOpenAfter: 30_000,
      breaker: new SamplingBreaker({ threshold: 0.6, duration: 60_000, minimumRps: 1 }),
    }),
    timeout(1_000, TimeoutStrategy.Aggressive),
  );

export default defineBench({
  package: 'breaker',
  title: 'A call through retry, breaker and timeout',
  baseline: 'cockatiel wrap(retry, breaker, timeout)',
  cases: {
    kit: () => {
      const pipeline = kit();
      return () => pipeline.run(call);
    },
    'kit, the call reads its signal': () => {
      const pipeline = kit();
      return () => pipeline.run(callWithSignal);
    },
    'cockatiel wrap(retry, breaker, timeout)': () => {
      const policy = cockatiel();
      return () => policy.execute(call);
    },
  },
  target: { ratio: 0.35, of: 'cockatiel wrap(retry, breaker, timeout)' },
  notes:
    'Kit makes the abort signal only for a call that reads it, and has one timer for all calls of a timeout.',
});
