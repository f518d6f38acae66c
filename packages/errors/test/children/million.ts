import { createErrorMonitor } from '../../src/index.js';

// A process of its own: a heap that nothing else grows, and no instrumentation that slows a million calls.
const collect = (globalThis as { gc?: () => void }).gc!;
const text = 'ü'.repeat(400);
const error = { name: 'Error', message: '', stack: '' };

function recordAll(count: number): ReturnType<typeof createErrorMonitor> {
  const monitor = createErrorMonitor();
  for (let index = 0; index < count; index += 1) {
    // Letters, since digits are normalised away.
    const distinct = index.toString(26).replaceAll(/\d/g, (digit) => 'qrstuvwxyz'[Number(digit)]!);
    // Most of them are cheap; the last thousand are as large as they get.
    const large = index >= count - 1_000;
    error.message = large ? `${distinct} ${text} ${text} ${'z'.repeat(10_000)}` : distinct;
    monitor.record(error, { endpoint: large ? `GET /${text}/${distinct}/${text}` : 'GET /' });
  }
  error.message = '';
  return monitor;
}

const monitor = recordAll(1_000_000);
collect();
const withMonitor = process.memoryUsage().heapUsed;
const { total, fingerprints } = monitor.snapshot();
const summary = { total, fingerprints: fingerprints.length };
collect();
// Closing empties it: what is gone then is what it held.
const held = process.memoryUsage().heapUsed;
monitor.close();
collect();
const heldBytes = Math.max(held, withMonitor) - process.memoryUsage().heapUsed;
console.log(JSON.stringify({ ...summary, heldBytes }));
