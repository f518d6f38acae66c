import { circuitBreaker, ConsecutiveBreaker, handleAll, SamplingBreaker } from 'cockatiel';
import { defineBench } from 'kit-tooling/bench';
import Opossum from 'opossum';
import { createBreaker } from '@kit/breaker';

const call = async () => 1;

export default defineBench({
  package: 'breaker',
  title: 'A call through a closed breaker',
  baseline: 'cockatiel',
  cases: {
    kit: () => {
      const breaker = createBreaker({ name: 'bench' });
      return () => breaker.run(call);
    },
    cockatiel: () => {
      const sampling = new SamplingBreaker({ threshold: 0.6, duration: 60_000, minimumRps: 1 });
      const breaker = circuitBreaker(handleAll, { halfOpenAfter: 30_000, breaker: sampling });
      return () => breaker.execute(call);
    },
    'cockatiel, consecutive': () => {
      const breaker = circuitBreaker(handleAll, {
        halfOpenAfter: 30_000,
        breaker: new ConsecutiveBreaker(5),
      });
      return () => breaker.execute(call);
    },
    'opossum, defaults': () => {
      const breaker = new Opossum(call);
      return { run: () => breaker.fire(), close: () => breaker.shutdown() };
    },
  },
  target: [
    { ratio: 1.0, of: 'cockatiel' },
    { ratio: 0.25, of: 'opossum, defaults' },
  ],
  notes:
    'Kit and cockatiel’s `SamplingBreaker` keep a window of 60 s; cockatiel’s `ConsecutiveBreaker` keeps a counter and reads no clock.',
});
