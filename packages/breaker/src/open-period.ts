import type { IBackoff, IRetryBackoffContext } from 'cockatiel';
import type { Backoff } from './breaker-options.js';
import { reportThrow } from './report.js';
import { neverAborts } from './run-context.js';

const DEFAULT_OPEN_MS = 30_000;

/** How long a breaker stays open; with a backoff, longer each time it opens again without having closed. */
export class OpenPeriod {
  private endsAt = 0;
  private openings = 0;
  private backoff: IBackoff<IRetryBackoffContext<unknown>> | undefined;

  constructor(private readonly openMs: number | Backoff) {}

  /** What a caller is told while a person holds the breaker open. */
  get usualMs(): number {
    return typeof this.openMs === 'number' ? this.openMs : DEFAULT_OPEN_MS;
  }

  start(now: number, lastFailure: unknown): void {
    this.openings += 1;
    this.endsAt = now + this.nextMs(lastFailure);
  }

  forget(): void {
    this.backoff = undefined;
    this.openings = 0;
  }

  waitMs(now: number): number {
    return Math.max(0, this.endsAt - now);
  }

  private nextMs(error: unknown): number {
    if (typeof this.openMs === 'number') return this.openMs;
    try {
      const context = { attempt: this.openings, signal: neverAborts, result: { error } };
      this.backoff = (this.backoff ?? this.openMs).next(context);
      if (this.backoff.duration >= 0) return this.backoff.duration;
    } catch (thrown) {
      reportThrow(this, 'the openMs backoff', thrown);
    }
    return DEFAULT_OPEN_MS;
  }
}
