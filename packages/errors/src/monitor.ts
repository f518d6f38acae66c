import { type AppError, originOf } from './app-error.js';
import { publishRaised } from './channels.js';
import { fingerprintOf } from './fingerprint.js';
import { maskAndCut } from './mask.js';
import { MinuteRates } from './minute-rates.js';
import { messageOf, readString, show } from './read.js';
import { toAppError } from './to-app-error.js';

export interface ErrorMonitorOptions {
  /** How many of the last errors are kept, 1 to 10,000. @default 200 */
  capacity?: number | undefined;
  /** How many fingerprints are counted one by one, 1 to 100,000; the least recently seen join `__other__`. @default 500 */
  maxFingerprints?: number | undefined;
  /** Milliseconds since 1970. @default Date.now */
  now?: (() => number) | undefined;
}

export interface RecordContext {
  /** Method and route template, `POST /v1/payments/:id`. */
  endpoint?: string | undefined;
}

/** One of the last errors. Texts are masked and at most 512 characters long. */
export interface RecordedError {
  readonly code: string;
  readonly message: string;
  readonly traceId: string;
  readonly endpoint?: string;
  readonly timestamp: string;
}

/** How often one defect was seen. */
export interface FingerprintCount {
  /** 16 hex digits, or `__other__` for those that were pushed out. */
  readonly fingerprint: string;
  readonly code: string;
  readonly count: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** Of the last occurrence. */
  readonly traceId: string;
}

/** A frozen copy of what a monitor knows. */
export interface ErrorMonitorSnapshot {
  readonly total: number;
  readonly counts: Readonly<Record<string, number>>;
  /** Oldest first. */
  readonly last: readonly RecordedError[];
  /** Most recently seen first, `__other__` at the end. */
  readonly fingerprints: readonly FingerprintCount[];
  /** Errors in each of the last 60 minutes, the current one at the end. */
  readonly perMinute: readonly number[];
}

export interface ErrorMonitor {
  /** Counts an error; takes anything that was thrown and never throws. */
  record(error: unknown, context?: RecordContext): void;
  snapshot(): ErrorMonitorSnapshot;
  /** Forgets everything and records nothing more. */
  close(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const other = '__other__';
const maxText = 512;
const maxCodes = 500;

/**
 * Counts errors in bounded memory: under 1 MB with the defaults, however many errors there are.
 *
 * @throws RangeError when an option is out of range
 * @example
 * ```ts
 * import { createErrorMonitor } from '@kit/errors';
 *
 * const monitor = createErrorMonitor();
 * monitor.record(new Error('no route to ledger'), { endpoint: 'POST /v1/payments' });
 * console.log(monitor.snapshot().counts); // { SYS_INTERNAL_ERROR: 1 }
 * ```
 */
export function createErrorMonitor(options: ErrorMonitorOptions = {}): ErrorMonitor {
  const { capacity = 200, maxFingerprints = 500, now = Date.now } = options;
  checkCount('capacity', capacity, 10_000);
  checkCount('maxFingerprints', maxFingerprints, 100_000);
  if (typeof now !== 'function') throw new TypeError(`now must be a function, got ${typeof now}`);

  const ring: RecordedError[] = [];
  let next = 0;
  let total = 0;
  let closed = false;
  const counts = new Map<string, number>();
  // A Map keeps insertion order: whatever is seen again is put at the end, so the first is the least recently seen.
  const fingerprints = new Map<string, FingerprintCount>();
  let others: FingerprintCount | undefined;
  const rates = new MinuteRates();

  const remember = (entry: RecordedError) => {
    ring[next] = entry;
    next = (next + 1) % capacity;
  };

  const count = (fingerprint: string, code: string, traceId: string, at: string) => {
    const known = fingerprints.get(fingerprint);
    fingerprints.delete(fingerprint);
    if (!known && fingerprints.size >= maxFingerprints) evict();
    const firstSeen = known?.firstSeen ?? at;
    const seen = { fingerprint, code, count: (known?.count ?? 0) + 1, firstSeen, lastSeen: at, traceId };
    fingerprints.set(fingerprint, seen);
  };

  const evict = () => {
    const [oldest] = fingerprints.values();
    if (!oldest) return;
    fingerprints.delete(oldest.fingerprint);
    others = {
      fingerprint: other,
      code: other,
      count: (others?.count ?? 0) + oldest.count,
      firstSeen: others && others.firstSeen < oldest.firstSeen ? others.firstSeen : oldest.firstSeen,
      lastSeen: others && others.lastSeen > oldest.lastSeen ? others.lastSeen : oldest.lastSeen,
      traceId: oldest.traceId,
    };
  };

  return {
    record(thrown, context) {
      if (closed) return;
      try {
        const error = toAppError(thrown);
        const { code, traceId } = error;
        const nowMs = now();
        const endpoint = readString(context, 'endpoint');
        const shownEndpoint = endpoint === undefined ? undefined : maskAndCut(endpoint, maxText);
        const fingerprint = fingerprintOf(error);
        const timestamp = new Date(nowMs).toISOString();
        total += 1;
        const countedCode = counts.has(code) || counts.size < maxCodes ? code : other;
        counts.set(countedCode, (counts.get(countedCode) ?? 0) + 1);
        count(fingerprint, code, traceId, timestamp);
        rates.add(nowMs);
        remember({
          code,
          message: maskAndCut(originalMessage(error), maxText),
          traceId,
          ...(shownEndpoint === undefined ? undefined : { endpoint: shownEndpoint }),
          timestamp,
        });
        publishRaised(error, { endpoint: shownEndpoint }, fingerprint);
      } catch {
        // Counting must not break what it counts.
      }
    },
    snapshot() {
      const all = [...fingerprints.values()].reverse();
      return deepFreeze({
        total,
        counts: Object.fromEntries(counts),
        last: [...ring.slice(next), ...ring.slice(0, next)].map((entry) => ({ ...entry })),
        fingerprints: (others ? [...all, others] : all).map((entry) => ({ ...entry })),
        perMinute: rates.read(now()),
      });
    },
    close() {
      closed = true;
      ring.length = 0;
      next = 0;
      total = 0;
      counts.clear();
      fingerprints.clear();
      others = undefined;
      rates.clear();
    },
    async [Symbol.asyncDispose]() {
      this.close();
    },
  };
}

/** For operators the foreign error's own words say more than those of the code that it was mapped to. */
function originalMessage(error: AppError): string {
  const origin = originOf(error);
  return messageOf(origin === undefined ? error : origin);
}

function checkCount(option: string, value: unknown, max: number): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max) {
    throw new RangeError(`${option} must be an integer from 1 to ${max}, got ${show(value)}`);
  }
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value) as unknown[]) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
