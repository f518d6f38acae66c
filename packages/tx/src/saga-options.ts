import { checkObject, show } from './options.js';
import type { SagaDefinition } from './saga-definition.js';

/** Options of `createSagaRunner`. */
export interface SagaRunnerOptions {
  /** What this instance can run; keep an old version beside the new one until its sagas have settled. */
  // oxlint-disable-next-line typescript/no-explicit-any -- a list of sagas with different inputs
  sagas: readonly SagaDefinition<any>[];
  /** How long a silent instance keeps its sagas, in milliseconds. @default 30_000 */
  leaseMs?: number | undefined;
  /** Resumed sagas that run at the same time here; `start` does not count. @default 10 */
  concurrency?: number | undefined;
  /** How often the database is asked for sagas to resume, in milliseconds. @default 1_000 */
  pollMs?: number | undefined;
  /** Waits before a further attempt: between half of and the whole of `baseMs * 2^n`, at most `maxMs`. @default { baseMs: 500, maxMs: 60_000 } */
  backoff?: { baseMs?: number | undefined; maxMs?: number | undefined } | undefined;
  /** Attempts at one undo before the saga is `stuck`. @default 10 */
  undoAttempts?: number | undefined;
  /** Finds work instead of the poll, such as `bullmqDispatch` of `@kit/tx/bullmq`. @default the poll */
  dispatch?: SagaDispatch | undefined;
  /** Told of errors that no caller sees: a poll that failed, a resumed saga that was lost. @default nobody */
  onError?: ((error: unknown) => void) | undefined;
}

/** Tells instances when to look after a saga; the rows stay the truth, so a message may come late, twice or never. */
export interface SagaDispatch {
  /** Starts delivering: `resume` claims and drives one saga, `sweep` gives the ids that are due in the database. */
  start(handlers: { resume: (id: string) => Promise<void>; sweep: () => Promise<string[]> }): void;
  /** Have some instance look after the saga in so many milliseconds. */
  schedule(id: string, delayMs: number): Promise<void>;
  close(): Promise<void>;
}

/** @internal */
export interface RunnerSettings {
  readonly sagas: readonly SagaDefinition[];
  readonly leaseMs: number;
  readonly concurrency: number;
  readonly pollMs: number;
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
  readonly undoAttempts: number;
  readonly dispatch: SagaDispatch | undefined;
  readonly onError: (error: unknown) => void;
}

/** @internal */
export function checkRunnerOptions(options: SagaRunnerOptions): RunnerSettings {
  checkObject(options);
  if (options.backoff !== undefined) checkObject(options.backoff, 'backoff');
  const { sagas, leaseMs = 30_000, concurrency = 10, pollMs = 1_000, undoAttempts = 10, onError } = options;
  const { baseMs = 500, maxMs = 60_000 } = options.backoff ?? {};
  if (!Array.isArray(sagas))
    throw new TypeError(`sagas must be a list of defineSaga(…), got ${typeof sagas}`);
  const seen = new Set<string>();
  for (const saga of sagas as readonly SagaDefinition[]) {
    if (!Array.isArray(saga?.steps)) throw new TypeError('sagas must be made by defineSaga()');
    const key = `"${saga.name}" version ${saga.version}`;
    if (seen.has(key)) throw new RangeError(`sagas must differ in name or version, got ${key} twice`);
    seen.add(key);
  }
  checkMs('leaseMs', leaseMs, 30);
  checkMs('pollMs', pollMs, 1);
  checkMs('backoff.baseMs', baseMs, 1);
  checkMs('backoff.maxMs', maxMs, baseMs);
  checkCount('concurrency', concurrency);
  checkCount('undoAttempts', undoAttempts);
  if (onError !== undefined && typeof onError !== 'function') {
    throw new TypeError(`onError must be a function, got ${typeof onError}`);
  }
  const report = (error: unknown) => {
    try {
      onError?.(error);
    } catch {
      // A listener never decides what becomes of a saga.
    }
  };
  return {
    sagas,
    leaseMs,
    concurrency,
    pollMs,
    backoff: { baseMs, maxMs },
    undoAttempts,
    dispatch: options.dispatch,
    onError: report,
  };
}

/** @internal */
export function checkMs(name: string, value: unknown, min: number): void {
  if (typeof value !== 'number' || !(value >= min && value < 2 ** 31)) {
    throw new RangeError(`${name} must be >= ${min} and < 2^31 milliseconds, got ${show(value)}`);
  }
}

/** @internal */
export function checkCount(name: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw new RangeError(`${name} must be an integer >= 1, got ${show(value)}`);
  }
}
