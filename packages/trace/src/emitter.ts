import type { EventEmitter } from 'node:events';
import { bindTrace } from './context.js';
import { tracePort } from './port.js';
import type { Trace } from './trace.js';

type Listener = (...args: unknown[]) => void;
type EventName = string | symbol;

const boundTrace = Symbol.for('@kit/trace.emitter');

/**
 * Makes an emitter keep traces: a listener runs in the trace it was added in; one that was added outside of any trace runs
 * in the trace `bindEmitter` was called in. Returns the emitter.
 *
 * @example
 * ```ts
 * import { EventEmitter } from 'node:events';
 * import { bindEmitter, getTraceId } from '@kit/trace';
 *
 * const orders = bindEmitter(new EventEmitter());
 * orders.on('paid', () => console.log(getTraceId()));
 * ```
 */
export function bindEmitter<E extends EventEmitter>(emitter: E): E {
  if (typeof emitter?.on !== 'function' || typeof emitter.emit !== 'function')
    throw new TypeError(`emitter must be an EventEmitter, got ${emitter === null ? 'null' : typeof emitter}`);
  const marked = emitter as E & { [boundTrace]?: { trace: Trace | undefined } };
  const owner = marked[boundTrace];
  if (owner === undefined) patch(emitter, (marked[boundTrace] = { trace: tracePort.getTrace() }));
  else owner.trace = tracePort.getTrace() ?? owner.trace;
  return emitter;
}

function patch(emitter: EventEmitter, owner: { trace: Trace | undefined }): void {
  const add = emitter.on.bind(emitter);
  const prepend = emitter.prependListener.bind(emitter);
  const emit = emitter.emit.bind(emitter);

  const on = (event: EventName, listener: Listener) => add(event, bound(listener));
  emitter.on = on;
  emitter.addListener = on;
  emitter.prependListener = (event: EventName, listener: Listener) => prepend(event, bound(listener));
  // Not Node's own `once`: it goes through the patched `on` and would then not find the wrapper it has to remove.
  emitter.once = (event: EventName, listener: Listener) => add(event, once(event, listener));
  emitter.prependOnceListener = (event: EventName, listener: Listener) =>
    prepend(event, once(event, listener));
  emitter.emit = (event: EventName, ...args: unknown[]) =>
    owner.trace === undefined || tracePort.getTrace() === owner.trace
      ? emit(event, ...args)
      : tracePort.run(owner.trace, () => emit(event, ...args));

  function once(event: EventName, listener: Listener): Listener {
    const inner = bound(listener);
    const wrapper: Listener = function (this: unknown, ...args) {
      emitter.removeListener(event, wrapper);
      inner.apply(this, args);
    };
    return withOriginal(wrapper, listener);
  }
}

// A function of its own even without a trace: `removeListener` finds it by `listener`, as it finds Node's `once` wrappers.
function bound(listener: Listener): Listener {
  if (typeof listener !== 'function') return listener;
  const kept = bindTrace(listener);
  return kept === listener ? listener : withOriginal(kept, listener);
}

function withOriginal(wrapper: Listener, listener: Listener): Listener {
  return Object.assign(wrapper, { listener });
}
