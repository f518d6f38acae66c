import type { BreakerCounts } from './channels.js';

const SLOTS = 60;
// One more than can be alive, against rounding when windowMs is no multiple of 60.
const CAPACITY = SLOTS + 1;
const FIELDS = 5;

/** Offset of each counter in a slot. */
export const Field = { requests: 0, successes: 1, failures: 2, ignored: 3, slow: 4 } as const;
export type Field = (typeof Field)[keyof typeof Field];

/**
 * Counts over a sliding window in constant memory (1.7 KB).
 *
 * A slot keeps the exact time of its first call and takes further ones for a sixtieth of the window; it leaves as a
 * whole when its first call is `windowMs` old. Calls further apart than that sixtieth are therefore exact, denser
 * ones leave at most a sixtieth early. A call's outcome is counted where its start was (gobreaker v2).
 */
export class SlidingWindow {
  private readonly totals = Array.from({ length: FIELDS }, () => 0);
  private readonly starts: Float64Array;
  private readonly slots: Uint32Array;
  private readonly slotMs: number;
  /** Slots are numbered for ever; `oldest` to `newest` are alive. */
  private oldest = 0;
  private newest = -1;

  constructor(private readonly windowMs: number) {
    this.slotMs = windowMs / SLOTS;
    // One buffer for both: a buffer's own weight is that of ten slots.
    const buffer = new ArrayBuffer(CAPACITY * (8 + FIELDS * 4));
    this.starts = new Float64Array(buffer, 0, CAPACITY);
    this.slots = new Uint32Array(buffer, CAPACITY * 8);
  }

  /** Counts a request and returns its slot, for `record`. */
  start(now: number): number {
    this.expire(now);
    if (this.newest < this.oldest || now - this.startOf(this.newest) >= this.slotMs) this.open(now);
    this.add(this.newest, Field.requests);
    return this.newest;
  }

  /** Counts an outcome in the slot its call started in; a call longer than the window enters it anew. */
  record(slot: number, field: Field, now: number): void {
    this.expire(now);
    this.add(this.holds(slot) ? slot : this.start(now), field);
  }

  /** False once the slot has left the window. */
  holds(slot: number): boolean {
    return slot >= this.oldest;
  }

  read(field: Field): number {
    return this.totals[field]!;
  }

  expire(now: number): void {
    while (this.oldest <= this.newest && now - this.startOf(this.oldest) >= this.windowMs) this.dropOldest();
  }

  clear(): void {
    this.totals.fill(0);
    this.oldest = this.newest + 1;
  }

  counts(): BreakerCounts {
    return Object.freeze({
      requests: this.totals[Field.requests]!,
      successes: this.totals[Field.successes]!,
      failures: this.totals[Field.failures]!,
      ignored: this.totals[Field.ignored]!,
      slow: this.totals[Field.slow]!,
    });
  }

  private open(now: number): void {
    this.newest += 1;
    const at = offsetOf(this.newest);
    this.slots.fill(0, at, at + FIELDS);
    this.starts[this.newest % CAPACITY] = now;
  }

  private dropOldest(): void {
    const at = offsetOf(this.oldest);
    for (let field = 0; field < FIELDS; field++) this.totals[field]! -= this.slots[at + field]!;
    this.oldest += 1;
  }

  private add(slot: number, field: Field): void {
    this.slots[offsetOf(slot) + field]! += 1;
    this.totals[field]! += 1;
  }

  private startOf(slot: number): number {
    return this.starts[slot % CAPACITY]!;
  }
}

function offsetOf(slot: number): number {
  return (slot % CAPACITY) * FIELDS;
}
