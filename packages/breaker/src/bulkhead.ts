import type { IPolicy } from 'cockatiel';
import { BulkheadFullError } from './errors.js';
import { asPolicy } from './policy.js';
import { type Guarded, PlainContext, type RunOptions, runArguments } from './run-context.js';
import type { TimeLimit } from './deadline.js';
import { ambientLimit } from './deadline.js';
import { monotonic } from './clock.js';
import { TIMER_MS, checkName, checkNumber, checkObject } from './validate.js';

/** Options of `createBulkhead`. */
export interface BulkheadOptions {
  /** Calls that run at once. */
  maxConcurrent: number;
  /** Calls that wait for a place. @default 0 */
  maxQueue?: number | undefined;
  /** How long a call waits for a place, in ms. @default 1_000 */
  queueTimeoutMs?: number | undefined;
  /** Name in errors. @default 'bulkhead' */
  name?: string | undefined;
}

/** Limits how many calls run at once; also a cockatiel `IPolicy`. */
export interface Bulkhead extends IPolicy {
  /** Calls that run now. */
  readonly running: number;
  /** Calls that wait now. */
  readonly queued: number;
  /** Runs `fn` when there is a place; rejects with `KIT_BULKHEAD_FULL` when there is none in time. */
  run<T>(fn: Guarded<T>): Promise<T>;
  run<T>(options: RunOptions, fn: Guarded<T>): Promise<T>;
}

/** A bulkhead with what a pipeline needs of it. @internal */
export interface InnerBulkhead extends Bulkhead {
  enter(signal: AbortSignal | undefined, limit: TimeLimit | undefined): Promise<void> | undefined;
  leave(): void;
}

/**
 * Creates a bulkhead: so many calls at once, so many in a queue, everything above is refused at once.
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import { createBulkhead } from '@kit/breaker';
 *
 * const bulkhead = createBulkhead({ maxConcurrent: 20, maxQueue: 50, queueTimeoutMs: 500 });
 * await bulkhead.run(({ signal }) => fetch('http://localhost:3101/orders', { signal }));
 * ```
 */
export function createBulkhead(options: BulkheadOptions): Bulkhead {
  return createInnerBulkhead(options);
}

/** @internal */
export function createInnerBulkhead(options: BulkheadOptions): InnerBulkhead {
  const config = checkBulkheadOptions(options);
  // In the order they came; a Set because a caller can leave from the middle.
  const queue = new Set<() => void>();
  let running = 0;

  const bulkhead = {
    get running() {
      return running;
    },
    get queued() {
      return queue.size;
    },
    /** Undefined when there is a place right away, so that the usual case does not wait a turn. */
    enter(signal: AbortSignal | undefined, limit: TimeLimit | undefined): Promise<void> | undefined {
      if (signal?.aborted) return Promise.reject(signal.reason);
      if (running < config.maxConcurrent) {
        running += 1;
        return undefined;
      }
      const { name, maxConcurrent, maxQueue } = config;
      const detail = `${maxConcurrent} running, ${maxQueue} waiting`;
      if (queue.size >= maxQueue) return Promise.reject(new BulkheadFullError(name, 'queue-full', detail));
      return wait(queue, config, { signal, limit });
    },
    leave() {
      const next = queue.values().next().value;
      // A place is handed on: nobody who comes in between can take it.
      if (next === undefined) running -= 1;
      else next();
    },
    async run<T>(first: RunOptions | Guarded<T>, second?: Guarded<T>): Promise<T> {
      const [o, fn] = runArguments<RunOptions, Guarded<T>>(first, second);
      await bulkhead.enter(o?.signal, ambientLimit(config.name));
      try {
        return await fn(new PlainContext(o?.signal));
      } finally {
        bulkhead.leave();
      }
    },
  };
  return asPolicy<InnerBulkhead>(bulkhead);
}

type BulkheadConfig = ReturnType<typeof checkBulkheadOptions>;

function checkBulkheadOptions(options: BulkheadOptions) {
  checkObject('options', options);
  return {
    maxConcurrent: checkNumber('maxConcurrent', options.maxConcurrent, { atLeast: 1, integer: true }),
    maxQueue: checkNumber('maxQueue', options.maxQueue ?? 0, { atLeast: 0, integer: true }),
    queueTimeoutMs: checkNumber('queueTimeoutMs', options.queueTimeoutMs ?? 1_000, TIMER_MS),
    name: checkName(options.name ?? 'bulkhead'),
  };
}

function wait(
  queue: Set<() => void>,
  { name, queueTimeoutMs }: BulkheadConfig,
  { signal, limit }: { signal: AbortSignal | undefined; limit: TimeLimit | undefined },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      queue.delete(admit);
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    const admit = () => {
      end();
      resolve();
    };
    const abort = () => {
      end();
      reject(signal!.reason);
    };
    const leftMs = limit === undefined ? Number.POSITIVE_INFINITY : limit.endsAt - monotonic();
    const timer = setTimeout(
      () => {
        end();
        const detail = `no place within ${queueTimeoutMs} ms`;
        reject(
          leftMs < queueTimeoutMs ? limit!.error() : new BulkheadFullError(name, 'queue-timeout', detail),
        );
      },
      Math.max(0, Math.min(queueTimeoutMs, leftMs)),
    );
    queue.add(admit);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
