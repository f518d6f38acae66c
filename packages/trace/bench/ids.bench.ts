import { randomBytes, randomUUID } from 'node:crypto';
import { defineBench } from 'kit-tooling/bench';
import { newIds } from '../src/ids.js';

export default defineBench({
  package: 'trace',
  title: 'The ids of a trace',
  baseline: 'crypto.randomUUID',
  cases: {
    'kit, trace id and span id': () => () => newIds(),
    'crypto.randomUUID': () => () => randomUUID(),
    'crypto.randomBytes': () => () => randomBytes(16).toString('hex'),
  },
  target: { case: 'kit, trace id and span id', ratio: 1.0, of: 'crypto.randomUUID' },
});
