import { defineBench } from 'kit-tooling/bench';
import { pino } from 'pino';
import { createLogger } from '@kit/trace';

const nowhere = { write: () => {} };
const secrets = ['password', 'token', 'secret', 'apiKey', 'authorization'];
const paths = secrets.flatMap((key) => [key, `*.${key}`, `*.*.${key}`, `*[*].${key}`]);

const line = () => ({
  user: { id: 'u-17', name: 'Ann', password: 'hunter2' },
  request: { headers: { authorization: 'Bearer abc', accept: '*/*' }, path: '/orders' },
  items: [
    { sku: 'a-1', amount: 2 },
    { sku: 'b-2', amount: 1 },
  ],
  total: 12.5,
});

export default defineBench({
  package: 'trace',
  title: 'A masked log line',
  baseline: 'pino redact, 20 paths',
  cases: {
    'kit, walker': () => {
      const logger = createLogger({ console: false });
      return () => logger.info(line(), 'order placed');
    },
    'pino redact, 20 paths': () => {
      const logger = pino({ redact: paths }, nowhere);
      return () => logger.info(line(), 'order placed');
    },
    'pino, not masked': () => {
      const logger = pino({}, nowhere);
      return () => logger.info(line(), 'order placed');
    },
  },
  target: { case: 'kit, walker', ratio: 0.3, of: 'pino redact, 20 paths' },
});
