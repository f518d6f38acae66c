import type { ErrorMonitor } from './monitor.js';
import { show } from './read.js';

/**
 * Records what nobody caught: uncaught exceptions and unhandled rejections, with the trace they arose in. The process ends,
 * or does not, exactly as without it.
 *
 * @returns a function that stops recording
 * @example
 * ```ts
 * import { captureProcessErrors, createErrorMonitor } from '@kit/errors';
 *
 * const monitor = createErrorMonitor();
 * const stop = captureProcessErrors(monitor);
 * process.once('beforeExit', stop);
 * ```
 */
export function captureProcessErrors(monitor: Pick<ErrorMonitor, 'record'>): () => void {
  if (typeof monitor?.record !== 'function') {
    throw new TypeError(`monitor must have a record function, got ${show(monitor)}`);
  }
  let rethrown: unknown = nothing;

  const onUncaught = (error: unknown, origin: string) => {
    if (error === rethrown) return;
    monitor.record(error, { endpoint: origin });
  };
  const onRejection = (reason: unknown) => {
    monitor.record(reason, { endpoint: 'unhandledRejection' });
    // Node ends the process for a rejection only while nobody listens, and now somebody does.
    if (process.listenerCount('unhandledRejection') > countOwn() || toleratesRejections()) return;
    rethrown = reason;
    throw reason;
  };

  ownListeners.add(onRejection);
  process.on('uncaughtExceptionMonitor', onUncaught);
  process.on('unhandledRejection', onRejection);
  return () => {
    ownListeners.delete(onRejection);
    process.off('uncaughtExceptionMonitor', onUncaught);
    process.off('unhandledRejection', onRejection);
  };
}

const nothing = Symbol('nothing');
const ownListeners = new Set<unknown>();

function countOwn(): number {
  return process.listeners('unhandledRejection').filter((listener) => ownListeners.has(listener)).length;
}

/** `node --unhandled-rejections=warn` and `none` let the process live. */
function toleratesRejections(): boolean {
  return /--unhandled-rejections[= ](?:warn\b|none)(?!-with)/.test(
    [...process.execArgv, process.env.NODE_OPTIONS].join(' '),
  );
}
