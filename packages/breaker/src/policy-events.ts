import type { Event, IFailureEvent, ISuccessEvent } from 'cockatiel';
import { callQuietly } from './report.js';

/** cockatiel's `onSuccess` and `onFailure`, whose listeners cannot change a call's result. */
export class PolicyEvents {
  private readonly successListeners: ((event: ISuccessEvent) => void)[] = [];
  private readonly failureListeners: ((event: IFailureEvent) => void)[] = [];

  readonly onSuccess: Event<ISuccessEvent> = (listener) => subscribe(this.successListeners, listener);
  readonly onFailure: Event<IFailureEvent> = (listener) => subscribe(this.failureListeners, listener);

  get heard(): boolean {
    return this.successListeners.length + this.failureListeners.length > 0;
  }

  succeeded(durationMs: number): void {
    for (const listener of this.successListeners.slice())
      callQuietly(this, 'an onSuccess listener', () => listener({ duration: durationMs }));
  }

  failed(durationMs: number, reason: IFailureEvent['reason'], handled = true): void {
    for (const listener of this.failureListeners.slice())
      callQuietly(this, 'an onFailure listener', () => listener({ duration: durationMs, handled, reason }));
  }
}

function subscribe<T>(listeners: ((event: T) => void)[], listener: (event: T) => void) {
  listeners.push(listener);
  return {
    dispose: () => {
      const at = listeners.indexOf(listener);
      if (at >= 0) listeners.splice(at, 1);
    },
  };
}
