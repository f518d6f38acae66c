import { AsyncLocalStorage } from 'node:async_hooks';
import { captureProcessErrors, createErrorMonitor } from '../../src/index.js';

// A trace port like that of @kit/trace, and one failure that nobody catches, in a trace of its own.
const storage = new AsyncLocalStorage<object>();
(globalThis as Record<symbol, unknown>)[Symbol.for('@kit/trace')] = {
  version: 1,
  getTrace: () => storage.getStore(),
};

const [kind, survive] = process.argv.slice(2);
const monitor = createErrorMonitor();
const stop = captureProcessErrors(monitor);
if (survive === 'handled') {
  process.on('uncaughtException', () => {});
  process.on('unhandledRejection', () => {});
}
if (survive === 'stopped') stop();

const trace = { traceId: '0af7651916cd43dd8448eb2180319c1a', id: '80319c1a' };
storage.run(trace, () => {
  if (kind === 'rejection') {
    void (async () => {
      await Promise.resolve();
      throw new Error('nobody awaits');
    })();
  } else {
    setTimeout(() => {
      throw new Error('nobody catches');
    }, 1);
  }
});

const report = () => console.log(JSON.stringify(monitor.snapshot().last));
process.once('exit', report);
setTimeout(() => {}, 100);
