/** The trials of a half-open breaker: those that run and those that have succeeded share the places. */
export class Trials<T extends { readonly startedAt: number }> {
  // Made for the first trial: most breakers never have one.
  private running: Set<T> | undefined;
  private succeeded = 0;

  constructor(
    private readonly max: number,
    private readonly maxWaitMs: number,
  ) {}

  full(now: number): boolean {
    this.freeOverdue(now);
    return (this.running?.size ?? 0) + this.succeeded >= this.max;
  }

  add(trial: T): void {
    (this.running ??= new Set()).add(trial);
  }

  /** False once its place was freed because it took too long. */
  holds(trial: T, now: number): boolean {
    this.freeOverdue(now);
    return this.running?.has(trial) === true;
  }

  /** Frees the place, or keeps it for a success; true when all places hold a success. */
  finish(trial: T, success: boolean): boolean {
    this.running?.delete(trial);
    if (success) this.succeeded += 1;
    return this.succeeded >= this.max;
  }

  /** When the oldest trial frees its place at the latest. */
  waitMs(now: number): number {
    for (const trial of this.running ?? []) return Math.max(0, trial.startedAt + this.maxWaitMs - now);
    return 0;
  }

  clear(): void {
    this.running = undefined;
    this.succeeded = 0;
  }

  private freeOverdue(now: number): void {
    // In the order they started, so the first one in time ends the search.
    for (const trial of this.running ?? []) {
      if (now - trial.startedAt < this.maxWaitMs) return;
      this.running?.delete(trial);
    }
  }
}
