import { monotonic } from './clock.js';

/** Something that is due after the queue's delay; the queue links its entries itself, so adding one allocates nothing. */
export interface TimerEntry {
  dueAt: number;
  previous: TimerEntry | undefined;
  next: TimerEntry | undefined;
  expire(): void;
}

/**
 * One Node timer for all calls that wait equally long: they fall due in the order they came. A timer of its own per
 * call is most of what a timeout costs. The timer keeps the process alive only while a call waits.
 */
export class TimerQueue {
  private first: TimerEntry | undefined;
  private last: TimerEntry | undefined;
  private timer: NodeJS.Timeout | undefined;
  private firesAt = 0;

  constructor(private readonly delayMs: number) {}

  add(entry: TimerEntry): void {
    entry.dueAt = monotonic() + this.delayMs;
    entry.previous = this.last;
    if (this.last === undefined) {
      this.first = entry;
      this.timer?.ref();
    } else this.last.next = entry;
    this.last = entry;
    if (this.timer === undefined) this.arm(entry.dueAt, this.delayMs);
  }

  remove(entry: TimerEntry): void {
    const { previous, next } = entry;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    entry.previous = undefined;
    entry.next = undefined;
    if (this.first === undefined) this.timer?.unref();
  }

  private arm(at: number, delayMs: number): void {
    this.firesAt = at;
    this.timer = setTimeout(() => this.fire(), Math.ceil(delayMs));
  }

  private fire(): void {
    this.timer = undefined;
    // A Node timer may be a millisecond early by the finer clock.
    const now = Math.max(monotonic(), this.firesAt);
    while (this.first !== undefined && this.first.dueAt <= now) {
      const due = this.first;
      this.remove(due);
      due.expire();
    }
    // An expiry may have added a call, and with it a timer.
    if (this.first !== undefined && this.timer === undefined)
      this.arm(this.first.dueAt, this.first.dueAt - now);
  }
}
