import { circuitBreaker, ConsecutiveBreaker, handleAll } from 'cockatiel';
import { defineBench } from 'kit-tooling/bench';
import { createBreaker } from '@kit/breaker';

const call = async () => 1;
const fail = () => Promise.reject(new Error('down'));
const nothing = () => {};

async function openKit(captureStack: boolean) {
  const breaker = createBreaker({ name: 'bench', minimumCalls: 1, openMs: 1e9, captureStack });
  await breaker.run(fail).catch(nothing);
  return () => breaker.run(call).catch(nothing);
}

export default defineBench({
  package: 'breaker',
  title: 'A rejection by an open breaker',
  baseline: 'cockatiel',
  cases: {
    'kit, captureStack: false': () => openKit(false),
    'kit, with stack': () => openKit(true),
    cockatiel: async () => {
      const breaker = circuitBreaker(handleAll, { halfOpenAfter: 1e9, breaker: new ConsecutiveBreaker(1) });
      await breaker.execute(fail).catch(nothing);
      return () => breaker.execute(call).catch(nothing);
    },
  },
  target: { case: 'kit, captureStack: false', ratio: 0.5, of: 'cockatiel' },
});
