import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** One mark a slot: healthy, degraded, unhealthy, or `.` where the check was not asked. */
export type HistoryMark = 'h' | 'd' | 'u' | '.';

export interface CheckHistory {
  /** Oldest first, one character a slot, the last slot being the current one. */
  of(name: string): string;
  readonly slotMs: number;
  close(): void;
}

const slots = 60;
const slotMs = 15_000;
const maxChecks = 200;
const marks: Readonly<Record<string, HistoryMark>> = { healthy: 'h', degraded: 'd', unhealthy: 'u' };
const order = '.hdu';

/**
 * The last 15 minutes of every check, from the channel that every observation is published on: whoever asks the checks, a
 * probe or this page, it is remembered. The worst of a slot stands for it, so that a second of trouble is seen.
 */
export function createCheckHistory(now: () => number): CheckHistory {
  const checks = new Map<string, { marks: HistoryMark[]; slot: number }>();
  const slotNow = () => Math.floor(now() / slotMs);

  /** Moves a strip on to the current slot. */
  const advance = (check: { marks: HistoryMark[]; slot: number }) => {
    const passed = slotNow() - check.slot;
    if (passed <= 0) return check;
    const empty = Array.from({ length: Math.min(passed, slots) }, (): HistoryMark => '.');
    check.marks = [...check.marks, ...empty].slice(-slots);
    check.slot += passed;
    return check;
  };
  const onChecked = (message: unknown) => {
    const { name, status } = message as { name: string; status: string };
    const mark = marks[status];
    if (mark === undefined) return;
    let check = checks.get(name);
    if (!check) {
      if (checks.size >= maxChecks) return;
      check = { marks: Array.from({ length: slots }, (): HistoryMark => '.'), slot: slotNow() };
      checks.set(name, check);
    }
    const { marks: strip } = advance(check);
    if (order.indexOf(mark) > order.indexOf(strip[slots - 1]!)) strip[slots - 1] = mark;
  };
  subscribe('kit:health:checked', onChecked);

  return {
    of(name) {
      const check = checks.get(name);
      return check ? advance(check).marks.join('') : '.'.repeat(slots);
    },
    slotMs,
    close: () => void unsubscribe('kit:health:checked', onChecked),
  };
}
