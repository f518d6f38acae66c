import { TransactionTimeoutError } from './errors.js';

/** A stretch of one physical transaction: the whole of it, or a savepoint within. Only the innermost may run statements. */
export interface Level {
  readonly parent: Level | undefined;
  readonly label: string;
}

/**
 * One FIFO gate for a physical transaction: its connection answers one statement at a time, and while a nested
 * scope is open the statements of the scopes around it wait, so that a savepoint's rollback takes nothing along
 * that is not its own.
 */
export interface Gate {
  readonly top: Level;
  /** Runs `work` when it is `level`'s turn; without a level at the next free moment. */
  run<T>(level: Level | undefined, owner: object, work: () => Promise<T>): Promise<T>;
  /** `work` sets a savepoint; afterwards `level` is the innermost. */
  open(level: Level, owner: object, work: () => Promise<void>): Promise<void>;
  /** `work` ends the savepoint of `level`; afterwards its parent is the innermost. */
  close(level: Level, owner: object, work: () => Promise<void>): Promise<void>;
  /** Rejects what an owner still has in the queue. */
  drop(owner: object, error: unknown): void;
  /** Rejects everything that waits and everything that will come. */
  fail(error: unknown): void;
  readonly busy: boolean;
  /** Resolves when nothing runs. */
  idle(): Promise<void>;
}

interface Entry {
  level: Level | undefined;
  owner: object;
  start(): void;
  reject(error: unknown): void;
}

export function createGate(root: Level, timeoutMs: number): Gate {
  let top = root;
  let running: Promise<unknown> | undefined;
  let queue: Entry[] = [];
  let failure: { error: unknown } | undefined;
  let timer: NodeJS.Timeout | undefined;

  const admits = (level: Level | undefined) => level === undefined || level === top;

  function run<T>(level: Level | undefined, owner: object, work: () => Promise<T>): Promise<T> {
    if (failure !== undefined) return Promise.reject(failure.error);
    // Whenever nothing runs, nothing admissible waits: the newcomer overtakes nobody.
    if (running === undefined && admits(level)) return start(work);
    return new Promise<T>((resolve, reject) => {
      queue.push({ level, owner, start: () => start(work).then(resolve, reject), reject });
      watch();
    });
  }

  async function start<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(timer);
    timer = undefined;
    const result = work();
    running = result;
    try {
      return await result;
    } finally {
      running = undefined;
      next();
    }
  }

  function next(): void {
    const index = queue.findIndex((entry) => admits(entry.level));
    if (index === -1) return watch();
    const [entry] = queue.splice(index, 1);
    entry!.start();
  }

  /** Statements that wait while nothing runs wait for a nested scope; if that waits for them, nobody ever moves. */
  function watch(): void {
    if (running !== undefined || queue.length === 0 || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      rejectAll(
        new TransactionTimeoutError(
          `A statement waited ${timeoutMs} ms for the idle nested scope ${top.label}; do not await the work of an outer scope inside a nested one`,
        ),
      );
    }, timeoutMs);
    timer.unref();
  }

  function idle(): Promise<void> {
    return running === undefined ? Promise.resolve() : running.then(idle, idle);
  }

  function rejectAll(error: unknown): void {
    const waiting = queue;
    queue = [];
    for (const entry of waiting) entry.reject(error);
  }

  return {
    get top() {
      return top;
    },
    get busy() {
      return running !== undefined;
    },
    run,
    open: (level, owner, work) =>
      run(level.parent, owner, async () => {
        await work();
        top = level;
      }),
    close: (level, owner, work) =>
      run(level, owner, async () => {
        await work();
        top = level.parent ?? root;
      }),
    drop(owner, error) {
      const dropped = queue.filter((entry) => entry.owner === owner);
      queue = queue.filter((entry) => entry.owner !== owner);
      for (const entry of dropped) entry.reject(error);
    },
    fail(error) {
      failure ??= { error };
      clearTimeout(timer);
      timer = undefined;
      rejectAll(error);
    },
    idle,
  };
}
