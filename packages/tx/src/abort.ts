import { TransactionTimeoutError } from './errors.js';

/** What can end a call before its function does: a timer, a signal, or the end of the call around it. */
export interface Abort {
  /** Set once the call is to end. */
  readonly reason: { readonly error: unknown } | undefined;
  /** Rejects when the call is to end; undefined where nothing can end it. */
  readonly aborted: Promise<never> | undefined;
  /** For the function inside. */
  readonly signal: AbortSignal;
  onAbort(listener: (error: unknown) => void): () => void;
  /** Ends the timer and the listeners. */
  dispose(): void;
}

export interface AbortOptions {
  label: string;
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
  parent?: Abort | undefined;
}

export function createAbort(options: AbortOptions): Abort {
  const { timeoutMs, signal, parent } = options;
  if (timeoutMs === undefined && signal === undefined && parent?.aborted === undefined) return never;
  const listeners = new Set<(error: unknown) => void>();
  let reason: { error: unknown } | undefined;
  let controller: AbortController | undefined;
  let rejectAborted: ((error: unknown) => void) | undefined;

  const aborted = new Promise<never>((_resolve, reject) => {
    rejectAborted = reject;
  });
  // Nobody may be racing at the moment.
  aborted.catch(() => {});

  function abort(error: unknown): void {
    if (reason !== undefined) return;
    reason = { error };
    rejectAborted?.(error);
    controller?.abort(error);
    for (const listener of listeners) listener(error);
  }

  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(
          () => abort(new TransactionTimeoutError(`${options.label} took longer than ${timeoutMs} ms`)),
          timeoutMs,
        );
  const onSignal = () => abort(signal?.reason);
  if (signal?.aborted === true) onSignal();
  else signal?.addEventListener('abort', onSignal, { once: true });
  if (parent?.reason !== undefined) abort(parent.reason.error);
  const leaveParent = parent?.onAbort(abort);

  return {
    get reason() {
      return reason;
    },
    aborted,
    get signal() {
      controller ??= new AbortController();
      if (reason !== undefined && !controller.signal.aborted) controller.abort(reason.error);
      return controller.signal;
    },
    onAbort(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    dispose() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onSignal);
      leaveParent?.();
    },
  };
}

/** For the calls that nothing can end, which are most. */
const never: Abort = {
  reason: undefined,
  aborted: undefined,
  get signal() {
    return new AbortController().signal;
  },
  onAbort: () => () => false,
  dispose() {},
};
