import { randomBytes, randomUUID } from 'node:crypto';
import { defineBench } from 'kit-tooling/bench';
import { newTraceId } from '../src/ids.js';

export default defineBench({
  package: 'trace',
  title: 'A trace id',
  baseline: 'crypto.randomUUID',
  cases: {
    kit: () => () => newTraceId(),
    'crypto.randomUUID': () => () => randomUUID(),
    'crypto.randomBytes': () => () => randomBytes(16).toString('hex'),
  },
  target: { ratio: 1.0, of: 'crypto.randomUUID' },
});
