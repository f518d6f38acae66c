import { defineBench } from 'kit-tooling/bench';
import { pino } from 'pino';
import { createLogger, getTrace, getLogger, runWithTrace } from '@kit/trace';

const nowhere = { write: () => {} };

export default defineBench({
  package: 'trace',
  title: 'A log line with the trace on it',
  baseline: 'pino, fields by hand',
  cases: {
    'kit, masked': () => lineIn({}),
    'kit, mask: false': () => lineIn({ mask: false }),
    'pino, fields by hand': () => {
      const logger = pino({}, nowhere);
      const { traceId, id, spanId } = runWithTrace({}, () => getTrace()!);
      return () => logger.info({ traceId, id, spanId, orderId: 'o-17', amount: 12 }, 'charged');
    },
    'pino, traceId by hand': () => {
      const logger = pino({}, nowhere);
      const { traceId } = runWithTrace({}, () => getTrace()!);
      return () => logger.info({ traceId, orderId: 'o-17', amount: 12 }, 'charged');
    },
  },
  target: [
    { case: 'kit, masked', ratio: 1.0, of: 'pino, fields by hand' },
    { case: 'kit, mask: false', ratio: 1.0, of: 'pino, traceId by hand' },
  ],
  notes:
    'The kit line is written by `getLogger()` within a trace, the fields by hand are traceId, id and spanId.',
});

function lineIn(options: { mask?: boolean }) {
  const root = createLogger({ console: false, ...options });
  return runWithTrace({}, () => {
    const logger = getLogger();
    if (Object.getPrototypeOf(logger) !== root) throw new Error('the logger is not a child of the root');
    return () => logger.info({ orderId: 'o-17', amount: 12 }, 'charged');
  });
}
