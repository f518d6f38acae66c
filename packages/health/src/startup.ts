import { failureMessage } from './failure-message.js';

/** Whether the work before the first request is done; once done it stays done. @internal */
export interface StartupLatch {
  readonly isDone: boolean;
  readonly message: string;
  run(task: () => unknown): Promise<void>;
}

/** @internal */
export function createStartupLatch(onDone: () => void): StartupLatch {
  let pending = 0;
  let failure: string | undefined;
  let latched = false;
  return {
    get isDone() {
      return latched || (pending === 0 && failure === undefined);
    },
    get message() {
      return failure === undefined ? 'starting' : `startup failed: ${failure}`;
    },
    run(task) {
      pending += 1;
      const running = (async () => {
        try {
          await task();
          failure = undefined;
        } catch (error) {
          failure = failureMessage(error);
          throw error;
        } finally {
          pending -= 1;
        }
        if (pending > 0) return;
        latched = true;
        onDone();
      })();
      // Who does not await it reads the failure from the startup probe; it must not end the process as unhandled.
      running.catch(() => {});
      return running;
    },
  };
}
